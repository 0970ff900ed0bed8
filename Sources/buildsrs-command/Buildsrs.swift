import ArgumentParser

/// The command of operators and maintainers.
struct Buildsrs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "buildsrs",
    abstract: "Runs a build farm for Rust crates.",
    discussion: """
      Settings come from flags, then from BUILDSRS_… variables, then from the YAML file that \
      --config names, and have the same name everywhere.

      Exit codes: 0 done, 1 failed, 2 wrong usage (and 3 of `recipes plan --check`: jobs would change).

      EXAMPLES
        buildsrs database start && buildsrs migrate && buildsrs keys generate
        buildsrs backend
        buildsrs registry-sync --crate ripgrep
        buildsrs builders invite --output invitation
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "Services", subcommands: [BackendCommand.self, RegistrySyncCommand.self]),
      CommandGroup(
        name: "Set up",
        subcommands: [DatabaseCommand.self, MigrateCommand.self, KeysCommand.self]),
      CommandGroup(name: "Operate", subcommands: [BuildersCommand.self, JobsCommand.self]),
      CommandGroup(name: "Maintain", subcommands: [RecipesCommand.self, TargetsCommand.self]),
      CommandGroup(name: "Try", subcommands: [DemoCommand.self]),
    ])
}
