import ArgumentParser

/// The root of the commands.
struct BuilderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "buildsrs-builder",
    abstract: "Builds crates for a farm of builds.rs, or one by hand.",
    discussion: """
      Flags are stronger than variables (BUILDSRS_BACKEND_URL for --backend-url), variables than the \
      YAML file given by --config.

      EXAMPLES
        buildsrs-builder probe
        buildsrs-builder prepare --target x86_64-unknown-linux-musl
        buildsrs-builder build hexyl --target x86_64-unknown-linux-gnu
        buildsrs-builder run --backend-url http://127.0.0.1:8080 --name alpha
      """,
    version: programVersion,
    subcommands: [RunCommand.self, ProbeCommand.self, PrepareCommand.self, BuildCommand.self])
}

/// The version of the builder program, sent in `hello`.
let programVersion = "0.1.0"
