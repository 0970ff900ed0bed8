/// A CycloneDX document, as far as the farm fills it in (the JSON of specification 1.5; the names of
/// the fields are its own).
struct BillOfMaterials: Encodable, Sendable {
  let bomFormat = "CycloneDX"
  let specVersion = "1.5"
  /// `urn:uuid:…`, made of the digest of all the rest; nil while that is made.
  var serialNumber: String?
  let version = 1
  let metadata: Metadata
  let components: [Component]
  let dependencies: [Dependency]

  struct Metadata: Encodable, Sendable {
    /// ISO 8601.
    let timestamp: String
    let tools: Tools
    let component: Component
    let properties: [Property]
  }

  struct Tools: Encodable, Sendable { let components: [Component] }

  struct Component: Encodable, Sendable {
    enum Kind: String, Encodable { case application, library, file }
    var type: Kind
    var name: String
    var version: String?
    var bomRef: String?
    var description: String?
    var hashes: [Hash]?
    var licenses: [Licence]?
    var purl: String?
    var externalReferences: [Reference]?
    var components: [Component]?

    enum CodingKeys: String, CodingKey {
      case type, name, version, description, hashes, licenses, purl, externalReferences, components
      case bomRef = "bom-ref"
    }
  }

  struct Hash: Encodable, Sendable, Equatable {
    let alg: String
    let content: String
    static func sha256(_ hex: String) -> Hash { Hash(alg: "SHA-256", content: hex) }
  }

  struct Reference: Encodable, Sendable {
    let type: String
    let url: String
  }

  struct Property: Encodable, Sendable {
    let name: String
    let value: String
  }

  struct Dependency: Encodable, Sendable, Equatable {
    let ref: String
    let dependsOn: [String]
  }

  /// An SPDX expression, or the name of a licence that has no SPDX form.
  enum Licence: Encodable, Sendable, Equatable {
    case expression(String)
    case name(String)

    private enum Keys: String, CodingKey { case expression, license, name }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      switch self {
      case .expression(let text): try container.encode(text, forKey: .expression)
      case .name(let text):
        var licence = container.nestedContainer(keyedBy: Keys.self, forKey: .license)
        try licence.encode(text, forKey: .name)
      }
    }

    /// What a manifest says; nil where it says nothing.
    init?(manifest license: String?) {
      if let expression = SPDXExpression.text(of: license) {
        self = .expression(expression)
        return
      }
      let name = PlainText.line(license ?? "", limit: 200)
      if name.isEmpty { return nil }
      self = .name(name)
    }
  }
}
