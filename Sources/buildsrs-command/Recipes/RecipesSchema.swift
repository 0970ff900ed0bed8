import ArgumentParser
import Recipes

/// What editors check files against.
struct RecipesSchema: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Prints the JSON Schema (2020-12) of recipes or targets, for editors.",
    discussion: """
      `buildsrs recipes lint` finds what no schema can express: duplicate keys, a file that is not \
      named like its crate, regular expressions that do not parse.

      EXAMPLES
        buildsrs recipes schema > recipe.schema.json
        buildsrs recipes schema --kind target > target.schema.json

      With yaml-language-server, a file's first line then names its schema:
        # yaml-language-server: $schema=../recipe.schema.json
      """)
  @Option(
    help: "recipe, target, or default for recipes/_default.yaml.", transform: Self.schema)
  var kind = RecipeSchema.recipe

  private static func schema(_ text: String) throws -> RecipeSchema {
    guard let schema = RecipeSchema(rawValue: text) else {
      let known = RecipeSchema.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("“\(text)” is no kind of file; the kinds are \(known)")
    }
    return schema
  }

  func run() throws { print(try kind.json) }
}
