import CrateRegistry
import ExecutorKit
import FarmModel

/// The texts of a Debian package, made of what authors wrote. Pure.
struct DebianControl: Sendable {
  let package: String
  let version: String
  let architecture: String
  /// What stands in `Depends`.
  let dependencies: [String]
  /// KiB, as Debian counts them.
  let installedSize: Int
  let manifest: Manifest

  /// Who answers for the package: the farm has made it, not the crate's authors.
  static let maintainer = "builds.rs build farm <noreply@builds.rs>"

  /// The control file (deb-control(5)).
  var text: String {
    var fields = [
      "Package: \(package)", "Version: \(version)", "Architecture: \(architecture)",
      "Maintainer: \(Self.maintainer)", "Installed-Size: \(installedSize)",
    ]
    if !dependencies.isEmpty {
      fields.append("Depends: " + dependencies.joined(separator: ", "))
    }
    fields += ["Section: utils", "Priority: optional"]
    if let homepage = manifest.webAddress { fields.append("Homepage: \(homepage)") }
    fields.append("Description: \(synopsis)")
    fields += longDescription
    return fields.joined(separator: "\n") + "\n"
  }

  /// One line without a full stop, as lists show it.
  private var synopsis: String {
    let line = PlainText.line(manifest.description ?? "", limit: 80)
    let trimmed =
      line.hasSuffix("...") ? line : String(line.reversed().drop { $0 == "." }.reversed())
    return trimmed.isEmpty ? "\(manifest.name) (Rust program)" : trimmed
  }

  /// Folded as deb-control(5) asks: every line begins with a space, an empty one is a dot.
  private var longDescription: [String] {
    let whole = PlainText.line(manifest.description ?? "", limit: 2000)
    let origin =
      "Built by builds.rs from the crate \(manifest.name) \(manifest.version) of crates.io."
    let paragraphs = whole.count > 80 ? [whole, origin] : [origin]
    return Array(paragraphs.map(Self.folded).joined(separator: [" ."]))
  }

  private static func folded(_ paragraph: String) -> [String] {
    PlainText.wrap(paragraph, width: 78).map { line in
      // A dot at the beginning has a meaning; two spaces say that the line is as it is.
      line.hasPrefix(".") ? "  " + line : " " + line
    }
  }

  /// The copyright file (Debian's machine-readable format 1.0), with the texts of the licences.
  static func copyright(of manifest: Manifest, licences: [(name: String, text: String)]) -> String {
    let source = manifest.webAddress ?? "https://crates.io/crates/\(manifest.name)"
    let authors = manifest.authors.prefix(50).map { PlainText.line($0, limit: 200) }
      .filter { !$0.isEmpty }
    let holders = authors.isEmpty ? ["the authors of \(manifest.name)"] : authors
    let licence = SPDXExpression.text(of: manifest.license) ?? "see the text below"
    var lines = [
      "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
      "Upstream-Name: \(manifest.name)", "Source: \(source)", "", "Files: *",
      "Copyright: " + holders.joined(separator: "\n           "), "License: \(licence)",
    ]
    for (name, text) in licences {
      lines += [" [\(name)]", " ."]
      lines += PlainText.lines(text).map { $0.isEmpty ? " ." : " " + $0 }
      lines.append(" .")
    }
    if lines.last == " ." { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Manifest {
  /// Where people read about the package: its home page, else its repository.
  var webAddress: String? {
    PlainText.webAddress(homepage) ?? PlainText.webAddress(repository)
  }
}
