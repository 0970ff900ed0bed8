import Postgres

/// Notes why a job may succeed once more, in a schema of its own: each change of its plan, and each
/// rebuild that the operator asks for.
///
/// The test's own reports cannot tell. One that a stopped backend takes up late brings an old plan
/// back for a moment.
enum PlanHistory {
  static func keep(on address: PostgresAddress) async throws {
    let connection = try await PostgresConnection(connecting: address)
    try await connection.execute(
      """
      CREATE SCHEMA faults;
      CREATE TABLE faults.new_builds (
        job_id bigint NOT NULL, attempt integer NOT NULL,
        noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE FUNCTION faults.note_plan_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO faults.new_builds (job_id, attempt) VALUES (new.id, new.attempt);
        RETURN NULL;
      END $$;
      CREATE TRIGGER faults_plan_change AFTER UPDATE OF plan_digest ON jobs FOR EACH ROW
        WHEN (old.plan_digest IS DISTINCT FROM new.plan_digest)
        EXECUTE FUNCTION faults.note_plan_change();
      """)
    await connection.close()
  }
}
