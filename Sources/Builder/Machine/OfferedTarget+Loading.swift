import FarmModel
import Foundation
public import Recipes

extension OfferedTarget {
  /// The targets that the YAML files of a directory define, each once for every executor that it
  /// names.
  ///
  /// Blocks on the disk. The recipes are the backend's business: plans come whole.
  /// - Throws: ``BuilderSetupError`` where the directory cannot be read, or with every mistake in
  ///   the files.
  public static func load(directory: String) throws -> [OfferedTarget] {
    try definitions(directory: directory).flatMap { target in
      target.offers.map { offer in
        OfferedTarget(
          triple: target.triple.text, executor: offer.executor,
          configuration: offer.configuration)
      }
    }
  }

  /// The targets that the YAML files of a directory define. Blocks on the disk.
  /// - Throws: As ``load(directory:)``.
  public static func definitions(directory: String) throws -> [TargetDefinition] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory)
    } catch {
      throw BuilderSetupError(
        "the directory of targets \(directory) cannot be read; give it with --targets-directory")
    }
    let files = names.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.sorted().map { name in
      let bytes = FileManager.default.contents(atPath: directory + "/" + name) ?? Data()
      return SourceText(path: "targets/" + name, bytes: Array(bytes))
    }
    do {
      return try RecipeSet(files: files).targets
    } catch {
      throw BuilderSetupError("\(directory): \(error)")
    }
  }
}
