import CrateRegistry
import Cryptography
import ExecutorKit
import FarmModel
import Foundation

extension BillOfMaterials {
  /// Makes the document of one build. Pure: equal arguments give equal bytes.
  ///
  /// - Parameters:
  ///   - lockfile: everything that it names is listed, whether or not this target and these features
  ///     use it: what Cargo compiled of it depends on the platform, and the lockfile does not tell.
  ///   - licence: what the manifest of a registry package says, where it can be read.
  init(
    inputs: BuildInputs, manifest: Manifest, lockfile: Lockfile, facts: BuildReport,
    licence: (LockedPackage) -> String?
  ) {
    let references = lockfile.packages.map { Self.packageURL($0.name.text, $0.version.description) }
    let main = Self.packageURL(inputs.crate, inputs.version)
    var seen: Set<String> = []
    let order = lockfile.packages.indices.sorted {
      Self.precedes(lockfile.packages[$0], lockfile.packages[$1])
    }.filter { seen.insert(references[$0]).inserted }
    let graph = lockfile.dependencyGraph
    metadata = Metadata(
      timestamp: Self.timestamp(inputs.sourceDateEpoch), tools: Self.tools(facts.environment),
      component: Self.mainComponent(inputs, manifest, facts), properties: Self.properties(inputs))
    components = order.filter { references[$0] != main }.map {
      Self.component(lockfile.packages[$0], licence: licence(lockfile.packages[$0]))
    }
    dependencies = order.map { place in
      Dependency(ref: references[place], dependsOn: graph[place].map { references[$0] }.sorted())
    }
    serialNumber = "urn:uuid:" + Self.uuid(of: (try? encodedBytes()) ?? [])
  }

  /// The document's file.
  func encoded() throws -> Data { Data(try encodedBytes() + Array("\n".utf8)) }

  private func encodedBytes() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(self))
  }

  private static func mainComponent(
    _ inputs: BuildInputs, _ manifest: Manifest, _ facts: BuildReport
  ) -> Component {
    let url = packageURL(inputs.crate, inputs.version)
    let description = PlainText.line(manifest.description ?? "", limit: 1000)
    var links: [Reference] = []
    if let address = PlainText.webAddress(manifest.repository) {
      links.append(Reference(type: "vcs", url: address))
    }
    if let address = PlainText.webAddress(manifest.homepage) {
      links.append(Reference(type: "website", url: address))
    }
    return Component(
      type: .application, name: inputs.crate, version: inputs.version, bomRef: url,
      description: description.isEmpty ? nil : description, hashes: [.sha256(inputs.checksum)],
      licenses: Licence(manifest: manifest.license).map { [$0] }, purl: url,
      externalReferences: links.isEmpty ? nil : links,
      components: facts.binaries.map {
        Component(type: .file, name: $0.name, hashes: [.sha256($0.sha256)])
      })
  }

  private static func component(_ package: LockedPackage, licence: String?) -> Component {
    let url = packageURL(package.name.text, package.version.description)
    return Component(
      type: .library, name: package.name.text, version: package.version.description, bomRef: url,
      hashes: package.checksum.map { [.sha256($0.hex)] },
      licenses: Licence(manifest: licence).map { [$0] }, purl: url)
  }

  /// What decides the bytes of a build besides the sources: a build elsewhere by the same compiler
  /// has the same document.
  private static func tools(_ environment: EnvironmentIdentity) -> Tools {
    let cargo = environment.cargo.split(separator: " ").dropFirst().first.map(String.init)
    return Tools(components: [
      Component(type: .application, name: "builds.rs"),
      Component(type: .application, name: "cargo", version: cargo),
      Component(type: .application, name: "rustc", version: environment.rustVersion),
    ])
  }

  private static func properties(_ inputs: BuildInputs) -> [Property] {
    // `default` is Cargo's own name for them.
    let features = (inputs.usesDefaultFeatures ? ["default"] : []) + inputs.features
    return [
      Property(
        name: "builds.rs:components",
        value: "every package of Cargo.lock, also those of other platforms and features"),
      Property(name: "builds.rs:features", value: features.joined(separator: " ")),
      Property(name: "builds.rs:target", value: inputs.target),
    ]
  }

  private static func precedes(_ left: LockedPackage, _ right: LockedPackage) -> Bool {
    if left.name != right.name {
      return left.name.text.utf8.lexicographicallyPrecedes(right.name.text.utf8)
    }
    return left.version < right.version
  }

  /// A package URL of the type `cargo`; of what names and versions hold, only `+` must be escaped.
  static func packageURL(_ name: String, _ version: String) -> String {
    "pkg:cargo/\(name)@\(version.replacing("+", with: "%2B"))"
  }

  private static func timestamp(_ seconds: Int64) -> String {
    Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
  }

  /// The first 16 bytes of the SHA-256, marked as a UUID made of a hash (RFC 9562, version 5; the
  /// version for other hashes than SHA-1 is 8, which CycloneDX tools of this age do not know).
  private static func uuid(of bytes: [UInt8]) -> String {
    var digest = Array(SHA256.digest(of: bytes).prefix(16))
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    var text = Hex.encode(digest)
    for offset in [20, 16, 12, 8] {
      text.insert("-", at: text.index(text.startIndex, offsetBy: offset))
    }
    return text
  }
}
