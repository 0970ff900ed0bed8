import CrateRegistry
import ExecutorKit
import FarmModel
import Foundation
import Testing

@testable import BuildPipeline

@Suite struct BillOfMaterialsTests {
  private static let sums = ["a", "b", "c"].map { String(repeating: $0, count: 64) }
  private static let registry = "registry+https://github.com/rust-lang/crates.io-index"
  private static let lockfile = """
    version = 4

    [[package]]
    name = "words"
    version = "0.2.0+x"
    source = "\(registry)"
    checksum = "\(sums[1])"

    [[package]]
    name = "demo"
    version = "1.0.0"
    dependencies = [
     "alpha",
     "words 0.2.0+x",
    ]

    [[package]]
    name = "words"
    version = "0.10.0"
    source = "\(registry)"
    checksum = "\(sums[2])"

    [[package]]
    name = "alpha"
    version = "1.0.0"
    source = "\(registry)"
    checksum = "\(sums[0])"
    dependencies = [
     "words 0.10.0 (\(registry))",
     "absent",
    ]

    """

  private func bill(
    target: String = "aarch64-unknown-linux-gnu", toml: String = "license = \"MIT\""
  ) throws -> Data {
    let manifest = try Manifest(
      toml: "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n\(toml)\n".utf8)
    let inspection = Inspection(
      format: "ELF64", machine: "aarch64", endianness: "little", interpreter: nil, needed: [],
      glibcFloor: nil)
    let facts = BuildReport(
      binaries: [BinaryReport(name: "demo", size: 1, sha256: Self.sums[0], inspection: inspection)],
      leftOut: [],
      environment: EnvironmentIdentity(
        digest: "sha256:0", rustc: "rustc 1.96.0 (abc 2026-01-01)", cargo: "cargo 1.96.0 (abc)",
        linker: "gcc"), seconds: [:], artifacts: [])
    let bill = BillOfMaterials(
      inputs: inputs(target: target), manifest: manifest,
      lockfile: try Lockfile(bytes: Self.lockfile.utf8), facts: facts
    ) { package in
      switch (package.name.text, package.version.minor) {
      case ("alpha", _): "MIT/Apache-2.0"
      case (_, 2): "some licence\nof my own"
      default: nil
      }
    }
    return try bill.encoded()
  }

  @Test("the document has the shape of CycloneDX 1.5, sorted, with everything the lockfile names")
  func golden() throws {
    let text = String(decoding: try bill(), as: UTF8.self)
    let serial = try #require(
      text.firstMatch(of: #/"serialNumber" : "(urn:uuid:[0-9a-f-]{36})"/#))
    #expect(text == Self.golden.replacing("SERIAL", with: serial.1))
  }

  @Test("equal builds have equal documents, and others another serial number")
  func serialNumbers() throws {
    let first = try bill()
    #expect(first == (try bill()))
    func serial(_ data: Data) throws -> String {
      let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
      return try #require(object?["serialNumber"] as? String)
    }
    let other = try bill(target: "x86_64-unknown-linux-gnu")
    #expect(try serial(first) != serial(other))
    let uuid = try #require(UUID(uuidString: String(try serial(first).dropFirst(9))))
    #expect(uuid.uuid.6 >> 4 == 5 && uuid.uuid.8 >> 6 == 2, "RFC 9562: version 5, its variant")
  }

  @Test("texts of strangers stay one line, and what is no address is left out")
  func hostile() throws {
    let toml = #"""
      description = "a\nb\u001b"
      license = "none\n\u202e"
      homepage = "https://exa mple.org/"
      repository = "file:///etc/passwd"
      """#
    let object = try JSONSerialization.jsonObject(with: bill(toml: toml)) as? [String: Any]
    let metadata = object?["metadata"] as? [String: Any]
    let component = try #require(metadata?["component"] as? [String: Any])
    #expect(component["description"] as? String == "a b")
    #expect(component["externalReferences"] == nil)
    let licences = try #require(component["licenses"] as? [[String: [String: String]]])
    #expect(licences == [["license": ["name": "none"]]])
  }

  private static let golden = """
    {
      "bomFormat" : "CycloneDX",
      "components" : [
        {
          "bom-ref" : "pkg:cargo/alpha@1.0.0",
          "hashes" : [
            {
              "alg" : "SHA-256",
              "content" : "\(sums[0])"
            }
          ],
          "licenses" : [
            {
              "expression" : "MIT OR Apache-2.0"
            }
          ],
          "name" : "alpha",
          "purl" : "pkg:cargo/alpha@1.0.0",
          "type" : "library",
          "version" : "1.0.0"
        },
        {
          "bom-ref" : "pkg:cargo/words@0.2.0%2Bx",
          "hashes" : [
            {
              "alg" : "SHA-256",
              "content" : "\(sums[1])"
            }
          ],
          "licenses" : [
            {
              "license" : {
                "name" : "some licence of my own"
              }
            }
          ],
          "name" : "words",
          "purl" : "pkg:cargo/words@0.2.0%2Bx",
          "type" : "library",
          "version" : "0.2.0+x"
        },
        {
          "bom-ref" : "pkg:cargo/words@0.10.0",
          "hashes" : [
            {
              "alg" : "SHA-256",
              "content" : "\(sums[2])"
            }
          ],
          "name" : "words",
          "purl" : "pkg:cargo/words@0.10.0",
          "type" : "library",
          "version" : "0.10.0"
        }
      ],
      "dependencies" : [
        {
          "dependsOn" : [
            "pkg:cargo/words@0.10.0"
          ],
          "ref" : "pkg:cargo/alpha@1.0.0"
        },
        {
          "dependsOn" : [
            "pkg:cargo/alpha@1.0.0",
            "pkg:cargo/words@0.2.0%2Bx"
          ],
          "ref" : "pkg:cargo/demo@1.0.0"
        },
        {
          "dependsOn" : [

          ],
          "ref" : "pkg:cargo/words@0.2.0%2Bx"
        },
        {
          "dependsOn" : [

          ],
          "ref" : "pkg:cargo/words@0.10.0"
        }
      ],
      "metadata" : {
        "component" : {
          "bom-ref" : "pkg:cargo/demo@1.0.0",
          "components" : [
            {
              "hashes" : [
                {
                  "alg" : "SHA-256",
                  "content" : "\(sums[0])"
                }
              ],
              "name" : "demo",
              "type" : "file"
            }
          ],
          "hashes" : [
            {
              "alg" : "SHA-256",
              "content" : "\(String(repeating: "0", count: 64))"
            }
          ],
          "licenses" : [
            {
              "expression" : "MIT"
            }
          ],
          "name" : "demo",
          "purl" : "pkg:cargo/demo@1.0.0",
          "type" : "application",
          "version" : "1.0.0"
        },
        "properties" : [
          {
            "name" : "builds.rs:components",
            "value" : "every package of Cargo.lock, also those of other platforms and features"
          },
          {
            "name" : "builds.rs:features",
            "value" : "default"
          },
          {
            "name" : "builds.rs:target",
            "value" : "aarch64-unknown-linux-gnu"
          }
        ],
        "timestamp" : "2020-01-01T00:00:00Z",
        "tools" : {
          "components" : [
            {
              "name" : "builds.rs",
              "type" : "application"
            },
            {
              "name" : "cargo",
              "type" : "application",
              "version" : "1.96.0"
            },
            {
              "name" : "rustc",
              "type" : "application",
              "version" : "1.96.0"
            }
          ]
        }
      },
      "serialNumber" : "SERIAL",
      "specVersion" : "1.5",
      "version" : 1
    }

    """
}
