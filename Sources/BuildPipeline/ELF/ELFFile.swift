internal import CELF
import Glibc

/// What is in the headers of an ELF file (System V ABI, chapters 4 and 5; LSB for symbol versions).
struct ELFFile: Equatable, Sendable {
  var is64Bit = false
  var isLittleEndian = true
  /// `e_machine`.
  var machine: UInt16 = 0
  /// Whether it is something to start: an executable or a position-independent one.
  var isProgram = false
  var interpreter: String?
  /// `DT_NEEDED`, in the file's order.
  var needed: [String] = []
  /// The symbol versions that it asks of its libraries, such as `GLIBC_2.34`.
  var versions: [String] = []

  enum Failure: Error, Equatable, CustomStringConvertible {
    case cannotOpen(reason: String)
    case notELF
    case damaged(part: String)

    var description: String {
      switch self {
      case .cannotOpen(let reason): "it cannot be opened: \(reason)"
      case .notELF: "it is no ELF file"
      case .damaged(let part): "its \(part) is cut short or damaged"
      }
    }
  }

}

// An extension, so that tests can also make values of it directly.
extension ELFFile {
  /// Reads a file's headers; libelf checks offsets and sizes against the file. Blocks on the disk.
  init(path: String) throws(Failure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotOpen(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    elf_version(UInt32(EV_CURRENT))
    guard let elf = elf_begin(descriptor, ELF_C_READ, nil) else { throw .notELF }
    defer { elf_end(elf) }
    guard elf_kind(elf) == ELF_K_ELF else { throw .notELF }
    try readHeader(elf)
    let isDynamic = try readProgramHeaders(elf)
    let foundDynamic = try readSections(elf)
    // Without its section the needed libraries stay unknown, which must not pass for "none".
    if isDynamic && !foundDynamic { throw .damaged(part: "table of dynamic sections") }
  }

  private mutating func readHeader(_ elf: OpaquePointer) throws(Failure) {
    var header = GElf_Ehdr()
    guard gelf_getehdr(elf, &header) != nil else { throw .damaged(part: "header") }
    is64Bit = gelf_getclass(elf) == Int32(ELFCLASS64)
    isLittleEndian = header.e_ident.5 == UInt8(ELFDATA2LSB)
    machine = header.e_machine
    isProgram = header.e_type == UInt16(ET_EXEC) || header.e_type == UInt16(ET_DYN)
    // Where a table lies behind the end of the file, libelf says that it is empty.
    var (segments, sections) = (0, 0)
    guard elf_getphdrnum(elf, &segments) == 0, segments >= Int(header.e_phnum),
      elf_getshdrnum(elf, &sections) == 0, sections >= Int(header.e_shnum)
    else { throw .damaged(part: "table of segments or sections") }
  }

  /// Whether there is a dynamic segment.
  private mutating func readProgramHeaders(_ elf: OpaquePointer) throws(Failure) -> Bool {
    var count = 0
    guard elf_getphdrnum(elf, &count) == 0 else { throw .damaged(part: "program header table") }
    var isDynamic = false
    for index in 0..<count {
      var header = GElf_Phdr()
      guard gelf_getphdr(elf, Int32(index), &header) != nil else {
        throw .damaged(part: "program header table")
      }
      if header.p_type == UInt32(PT_DYNAMIC) { isDynamic = true }
      if header.p_type == UInt32(PT_INTERP) { interpreter = try text(at: header, in: elf) }
    }
    return isDynamic
  }

  private func text(at header: GElf_Phdr, in elf: OpaquePointer) throws(Failure) -> String {
    var size = 0
    guard let bytes = elf_rawfile(elf, &size), header.p_filesz > 0, header.p_filesz <= 4096,
      header.p_offset <= UInt64(size), header.p_filesz <= UInt64(size) - header.p_offset
    else { throw .damaged(part: "interpreter's path") }
    let raw = UnsafeRawBufferPointer(
      start: bytes + Int(header.p_offset), count: Int(header.p_filesz))
    return String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Whether there is a dynamic section.
  private mutating func readSections(_ elf: OpaquePointer) throws(Failure) -> Bool {
    var foundDynamic = false
    var section = elf_nextscn(elf, nil)
    while let current = section {
      var header = GElf_Shdr()
      guard gelf_getshdr(current, &header) != nil else { throw .damaged(part: "section table") }
      if header.sh_type == UInt32(SHT_DYNAMIC) {
        foundDynamic = true
        try readDynamic(elf, current, header)
      } else if header.sh_type == UInt32(SHT_GNU_verneed) {
        try readVersions(elf, current, header)
      }
      section = elf_nextscn(elf, current)
    }
    return foundDynamic
  }

  private mutating func readDynamic(
    _ elf: OpaquePointer, _ section: OpaquePointer, _ header: GElf_Shdr
  ) throws(Failure) {
    guard let data = elf_getdata(section, nil) else { throw .damaged(part: "dynamic section") }
    var index: Int32 = 0
    var entry = GElf_Dyn()
    while gelf_getdyn(data, index, &entry) != nil, entry.d_tag != Int64(DT_NULL) {
      if entry.d_tag == Int64(DT_NEEDED) {
        needed.append(try string(elf, header.sh_link, entry.d_un.d_val))
      }
      index += 1
    }
  }

  private mutating func readVersions(
    _ elf: OpaquePointer, _ section: OpaquePointer, _ header: GElf_Shdr
  ) throws(Failure) {
    guard let data = elf_getdata(section, nil) else { throw .damaged(part: "version section") }
    var offset: Int32 = 0
    // sh_info counts the libraries; the bound keeps a damaged chain from going round for ever.
    for _ in 0..<min(header.sh_info, 4096) {
      var need = GElf_Verneed()
      guard gelf_getverneed(data, offset, &need) != nil else {
        throw .damaged(part: "version section")
      }
      try readVersions(elf, data, header, of: need, at: offset)
      guard need.vn_next > 0, need.vn_next < UInt32(Int32.max - offset) else { return }
      offset += Int32(need.vn_next)
    }
  }

  private mutating func readVersions(
    _ elf: OpaquePointer, _ data: UnsafeMutablePointer<Elf_Data>, _ header: GElf_Shdr,
    of need: GElf_Verneed, at start: Int32
  ) throws(Failure) {
    guard need.vn_aux < UInt32(Int32.max - start) else { throw .damaged(part: "version section") }
    var offset = start + Int32(need.vn_aux)
    for _ in 0..<need.vn_cnt {
      var version = GElf_Vernaux()
      guard gelf_getvernaux(data, offset, &version) != nil else {
        throw .damaged(part: "version section")
      }
      versions.append(try string(elf, header.sh_link, UInt64(version.vna_name)))
      guard version.vna_next > 0, version.vna_next < UInt32(Int32.max - offset) else { return }
      offset += Int32(version.vna_next)
    }
  }

  private func string(
    _ elf: OpaquePointer, _ section: UInt32, _ offset: UInt64
  ) throws(Failure) -> String {
    guard let text = elf_strptr(elf, Int(section), Int(clamping: offset)) else {
      throw .damaged(part: "string table")
    }
    return String(cString: text)
  }
}
