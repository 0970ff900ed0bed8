/// What of an image builds the things that run during a build: build scripts, procedural macros.
///
/// The container file's stage `host` holds all of it: the base image, the C library, gcc and its linker,
/// rustc and cargo. What later stages add for a target lies where none of these look (cross compilers
/// and libraries under the target's own names), with two exceptions, which are part of the digest: a
/// package of the stage that was replaced by another version, and the packages of a recipe, whose headers
/// and libraries a build script's own C code may find.
struct HostPart: Equatable, Sendable {
  /// The name of the stage in the container file.
  static let stage = "host"

  /// The layers of the stage's image, each `sha256:…` over its files.
  var layers: [String]

  /// Equal exactly for images that build the same things for the builder's own architecture.
  ///
  /// - Parameters:
  ///   - imageLayers: those of the whole image.
  ///   - recipe: what the image was made of.
  /// - Returns: `sha256:…`; nil where the image does not stand on this stage.
  func digest(imageLayers: [String], replaced: [String], recipe: ImageRecipe) -> String? {
    guard !layers.isEmpty, imageLayers.starts(with: layers) else { return nil }
    var parts = ["1", String(layers.count)] + layers + replaced.sorted()
    if let packages = recipe.arguments["packages"] {
      parts += ["packages", packages, recipe.arguments["debian"] ?? ""]
    }
    return "sha256:" + sha256(of: parts.map { Array($0.utf8) })
  }
}
