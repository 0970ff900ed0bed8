/// The checked path of an entry: relative, without `.`, `..` and empty parts.
struct EntryPath: Equatable {
  /// The parts between the slashes.
  let parts: [Substring]

  var text: String { parts.joined(separator: "/") }

  /// Checks a name; a slash at its end (a folder) is allowed.
  init(_ name: String, limit: Int) throws(ArchiveError) {
    guard name.utf8.count <= limit else {
      throw .pathTooLong(entry: name, limit: limit)
    }
    guard !name.hasPrefix("/") else {
      throw .unsafePath(entry: name, reason: "the path is absolute")
    }
    guard !name.utf8.contains(0) else {
      throw .unsafePath(entry: name, reason: "the path contains a NUL")
    }
    let trimmed = name.hasSuffix("/") ? name.dropLast() : name[...]
    parts = trimmed.split(separator: "/", omittingEmptySubsequences: false)
    for part in parts where part.isEmpty || part == "." || part == ".." {
      throw .unsafePath(entry: name, reason: "the path has a part '\(part)'")
    }
    for part in parts where part.utf8.count > 255 {
      throw .pathTooLong(entry: name, limit: 255)
    }
  }
}

/// Finds paths that occur twice or that need a folder where a file is.
struct SeenPaths {
  private var files: Set<String> = []
  private var folders: Set<String> = []

  /// Takes note of an entry.
  mutating func add(_ path: EntryPath, isDirectory: Bool) throws(ArchiveError) {
    let text = path.text
    guard !files.contains(text), isDirectory || !folders.contains(text) else {
      throw .duplicate(entry: text)
    }
    if isDirectory { folders.insert(text) } else { files.insert(text) }
    try addParents(of: path)
  }

  private mutating func addParents(of path: EntryPath) throws(ArchiveError) {
    var parents = path.parts.dropLast()
    while !parents.isEmpty {
      let parent = parents.joined(separator: "/")
      guard !files.contains(parent) else { throw .duplicate(entry: parent) }
      // What is known has known parents.
      guard folders.insert(parent).inserted else { return }
      parents = parents.dropLast()
    }
  }
}
