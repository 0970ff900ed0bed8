/// Makes one tree of a file's events, and refuses what a configuration file has no use for: aliases
/// (a few lines can expand to gigabytes), tags, several documents, deep nesting.
struct YAMLTree {
  /// How many lists and mappings may stand inside one another.
  static let maximumDepth = 64

  /// A list or mapping that is still open. A class, so that growing it copies nothing.
  private final class Frame {
    let position: SourcePosition
    let isMapping: Bool
    var items: [YAMLNode] = []
    var entries: [YAMLNode.Entry] = []
    /// The key that waits for its value.
    var key: (text: String, position: SourcePosition)?
    /// In which line each key stands.
    var lines: [String: Int] = [:]

    init(_ position: SourcePosition, isMapping: Bool) {
      self.position = position
      self.isMapping = isMapping
    }

    var waitsForKey: Bool { isMapping && key == nil }
  }

  private let reader: YAMLReader
  private var frames: [Frame] = []
  private var root: YAMLNode?
  private var documents = 0

  /// The document's value; nil where the file is empty or unreadable, which `reader` then tells.
  static func read(_ reader: YAMLReader) -> YAMLNode? {
    var tree = YAMLTree(reader: reader)
    do throws(YAMLSyntaxError) {
      let source = try YAMLEventSource(reader.source.content, lines: reader.lines)
      while let event = try source.next() { try tree.take(event) }
    } catch {
      reader.report(error.message, at: error.position)
      return nil
    }
    return tree.root
  }

  private init(reader: YAMLReader) { self.reader = reader }

  private mutating func take(_ placed: PlacedYAMLEvent) throws(YAMLSyntaxError) {
    let position = placed.position
    if let anchor = placed.anchor {
      reader.report(
        "anchor \(quoted("&" + anchor)) is not accepted: repeat the value", at: position)
    }
    if let tag = placed.tag {
      reader.report("tag \(quoted(tag)) is not accepted: leave it out", at: position)
    }
    switch placed.event {
    case .documentStart:
      documents += 1
      if documents > 1 { throw stop("a second document begins: a file holds one", position) }
    case .scalar(let text, let isPlain): add(text, isPlain: isPlain, at: position)
    case .sequenceStart: try push(Frame(position, isMapping: false))
    case .mappingStart: try push(Frame(position, isMapping: true))
    case .sequenceEnd, .mappingEnd: pop()
    case .alias(let name):
      throw stop("alias \(quoted("*" + name)) is not accepted: repeat the value", position)
    }
  }

  private func stop(_ message: String, _ position: SourcePosition) -> YAMLSyntaxError {
    YAMLSyntaxError(message: message, position: position)
  }

  private mutating func push(_ frame: Frame) throws(YAMLSyntaxError) {
    if frames.last?.waitsForKey == true {
      throw stop("a key must be a text, not a list or a mapping", frame.position)
    }
    guard frames.count < Self.maximumDepth else {
      throw stop("nested more than \(Self.maximumDepth) levels deep", frame.position)
    }
    frames.append(frame)
  }

  private mutating func pop() {
    guard let frame = frames.popLast() else { return }
    let content: YAMLNode.Content =
      frame.isMapping ? .mapping(frame.entries) : .sequence(frame.items)
    add(YAMLNode(content, at: frame.position))
  }

  /// A scalar is a key where a mapping waits for one, else a value.
  private mutating func add(_ text: String, isPlain: Bool, at position: SourcePosition) {
    guard let frame = frames.last, frame.waitsForKey else {
      return add(YAMLNode(.scalar(text, isPlain: isPlain), at: position))
    }
    if let line = frame.lines[text] {
      reader.report("duplicate key \(quoted(text)): it is already in line \(line)", at: position)
    } else {
      frame.lines[text] = position.line
    }
    frame.key = (text, position)
  }

  private mutating func add(_ node: YAMLNode) {
    guard let frame = frames.last else {
      root = node
      return
    }
    guard let key = frame.key else { return frame.items.append(node) }
    frame.key = nil
    frame.entries.append(
      YAMLNode.Entry(key: key.text, keyPosition: key.position, value: node))
  }
}
