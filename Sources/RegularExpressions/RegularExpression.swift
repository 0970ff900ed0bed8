import CRegularExpression

/// A regular expression in RE2's syntax (github.com/google/re2/wiki/Syntax): without back-references, so
/// that matching takes time in proportion to the text, whoever wrote the expression.
///
/// `^` and `$` stand for the ends of lines.
public struct RegularExpression: Sendable {
  /// What is wrong with an expression, in RE2's words.
  public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    public var description: String
  }

  /// What RE2 has made of an expression.
  ///
  /// `@unchecked`: the pointer is written once, by the initialiser; RE2's matching is safe from several
  /// threads (re2.h), and nobody holds the object any more when it is freed.
  private final class Compiled: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { buildsrs_regular_expression_free(pointer) }
  }

  private let compiled: Compiled

  /// - Throws: ``Failure`` where RE2 does not take the expression.
  public init(_ pattern: String) throws(Failure) {
    var pattern = pattern
    var error = [CChar](repeating: 0, count: 256)
    let capacity = error.count
    let made = pattern.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        buildsrs_regular_expression_make(
          characters.baseAddress, characters.count, &error, capacity)
      }
    }
    guard let made else {
      let text = error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw Failure(description: String(decoding: text, as: UTF8.self))
    }
    compiled = Compiled(made)
  }

  /// Whether a part of the text matches.
  public func finds(in text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        buildsrs_regular_expression_finds(
          compiled.pointer, characters.baseAddress, characters.count)
      }
    }
  }
}
