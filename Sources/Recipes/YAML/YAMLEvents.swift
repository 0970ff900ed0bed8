internal import CYAML

/// What libyaml tells of a document, piece by piece.
enum YAMLEvent {
  case documentStart
  case scalar(String, isPlain: Bool)
  case sequenceStart, sequenceEnd
  case mappingStart, mappingEnd
  /// `*name`.
  case alias(String)
}

/// An event, its place, and what this project refuses about it.
struct PlacedYAMLEvent {
  var event: YAMLEvent
  var position: SourcePosition
  var anchor: String?
  var tag: String?
}

/// Why libyaml cannot read on.
struct YAMLSyntaxError: Error {
  var message: String
  var position: SourcePosition
}

/// libyaml's parser over bytes in memory. One owner; not `Sendable`.
///
/// Places are made of how many characters it has read, since its lines are not those of an editor.
final class YAMLEventSource {
  /// `yaml_parser_t` points into itself: it needs an address that stays, hence the allocation.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutableBufferPointer<UInt8>
  private let lines: SourceLines

  /// - Parameter bytes: UTF-8 without a byte order mark, whose lines `lines` are.
  init(_ bytes: ArraySlice<UInt8>, lines: SourceLines) throws(YAMLSyntaxError) {
    self.lines = lines
    parser = .allocate(capacity: 1)
    input = .allocate(capacity: bytes.count)
    _ = input.initialize(from: bytes)
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      input.deallocate()
      throw YAMLSyntaxError(message: "out of memory", position: .start)
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, input.baseAddress, input.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
    input.deallocate()
  }

  /// The next event that matters, or nil at the end of the stream.
  func next() throws(YAMLSyntaxError) -> PlacedYAMLEvent? {
    while true {
      var event = yaml_event_t()
      guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
      defer { yaml_event_delete(&event) }
      if event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT { return nil }
      if let placed = translate(event) { return placed }
    }
  }

  /// Nil for events that carry nothing: the beginning of the stream, the end of a document.
  private func translate(_ event: yaml_event_t) -> PlacedYAMLEvent? {
    let position = position(event.start_mark)
    func placed(
      _ what: YAMLEvent, anchor: UnsafeMutablePointer<yaml_char_t>? = nil,
      tag: UnsafeMutablePointer<yaml_char_t>? = nil
    ) -> PlacedYAMLEvent {
      PlacedYAMLEvent(
        event: what, position: position, anchor: Self.text(anchor), tag: Self.text(tag))
    }
    switch event.type {
    case YAML_DOCUMENT_START_EVENT: return placed(.documentStart)
    case YAML_ALIAS_EVENT: return placed(.alias(Self.text(event.data.alias.anchor) ?? ""))
    case YAML_SEQUENCE_START_EVENT:
      let start = event.data.sequence_start
      return placed(.sequenceStart, anchor: start.anchor, tag: start.tag)
    case YAML_MAPPING_START_EVENT:
      let start = event.data.mapping_start
      return placed(.mappingStart, anchor: start.anchor, tag: start.tag)
    case YAML_SEQUENCE_END_EVENT: return placed(.sequenceEnd)
    case YAML_MAPPING_END_EVENT: return placed(.mappingEnd)
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let value = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
      return placed(.scalar(value, isPlain: isPlain), anchor: scalar.anchor, tag: scalar.tag)
    default: return nil
    }
  }

  private func syntaxError() -> YAMLSyntaxError {
    let state = parser.pointee
    var message = state.problem.map { String(cString: $0) } ?? "the parser stopped"
    // The reader, which sees bytes and no lines, tells only how many bytes are before the problem.
    let position =
      state.error == YAML_READER_ERROR
      ? lines.position(ofByte: state.problem_offset) : position(state.problem_mark)
    if let context = state.context {
      message += ", \(String(cString: context))"
      let begin = self.position(state.context_mark)
      if begin.line != position.line { message += " that begins at line \(begin.line)" }
    }
    return YAMLSyntaxError(message: message, position: position)
  }

  private func position(_ mark: yaml_mark_t) -> SourcePosition {
    lines.position(ofCharacter: mark.index)
  }

  private static func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    bytes.map { String(decodingCString: $0, as: UTF8.self) }
  }
}
