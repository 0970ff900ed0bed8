import CommandLineSupport
import Database
import Postgres

extension Settings {
  /// Runs `body` with the farm's database, and closes its connections afterwards.
  func withFarmDatabase<Result: Sendable>(
    _ body: (FarmDatabase) async throws -> Result
  ) async throws -> Result {
    let pool = PostgresPool(try await databaseAddress(), maximumConnections: 2)
    do {
      let result = try await body(FarmDatabase(pool: pool))
      await pool.close()
      return result
    } catch let error as PostgresError where error.sqlState == "42P01" {
      await pool.close()
      throw CommandFailure("the database has no schema yet: run `buildsrs migrate`")
    } catch {
      await pool.close()
      throw error
    }
  }
}
