import ArgumentParser
import Backend
import CommandLineSupport
import Database
import Recipes

/// What the directories would change.
struct RecipesPlan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Tells which jobs the directories would add, rebuild and drop, and why.",
    discussion: """
      It compares the directories with the revision that is in force and with the jobs of the \
      database, and changes nothing. A backend that applies the directories does exactly this, but for \
      what happens in between. `replan` is a job that waits and gets another plan; `retry` one that \
      has failed and is tried with its new plan; `check` what is published and was checked as an older \
      recipe wanted, of which nothing becomes. What is published stays until its rebuild is.

      Exit code 0: done; 1: failed; with --check 3: jobs would change.

      EXAMPLES
        buildsrs recipes plan
        buildsrs recipes plan --detail
        buildsrs recipes plan --check --json     # for continuous integration
      """)
  /// Of `--check`.
  static let wouldChange: Int32 = 3

  @Flag(help: "List every job.") var detail = false
  @Flag(help: "End with exit code 3 where jobs would change.") var check = false
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var common: CommonOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var recipes: RecipeOptions

  func run() async throws {
    let settings = try common.settings(database, recipes)
    let terminal = Terminal()
    let set = try settings.recipeSetToApply(terminal)
    let detail = detail
    let report = try await settings.withFarmDatabase { farm in
      let standing = try await farm.recipeStanding()
      let active = try await farm.activeRecipes()
      // Another program may have installed what this one does not understand: then all jobs are looked at.
      let old = active.flatMap { try? $0.recipeSet() }
      var report = PlanReport(
        active: active, old: old, new: set, isPlanned: standing?.isPlanned ?? true, detail: detail)
      if report.mayChangeJobs {
        let base = standing?.isPlanned == true ? old : nil
        try await RecipeDifference(farm, applying: set, over: base)
          .forEachChange { report.add($0) }
      }
      return report
    }
    if json { try printJSON(report.answer) } else { print(report.text(for: terminal)) }
    if check, report.total > 0 { throw ExitCode(Self.wouldChange) }
  }
}
