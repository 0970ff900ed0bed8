import Postgres

/// Notes each change of a job's plan, in a schema of its own: only a changed plan may succeed again.
///
/// The test's own reports cannot tell. One that a stopped backend takes up late brings an old plan
/// back for a moment.
enum PlanHistory {
  static func keep(on address: PostgresAddress) async throws {
    let connection = try await PostgresConnection(connecting: address)
    try await connection.execute(
      """
      CREATE SCHEMA faults;
      CREATE TABLE faults.plan_changes (
        job_id bigint NOT NULL, attempt integer NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE FUNCTION faults.note_plan_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO faults.plan_changes (job_id, attempt) VALUES (new.id, new.attempt);
        RETURN NULL;
      END $$;
      CREATE TRIGGER faults_plan_change AFTER UPDATE OF plan_digest ON jobs FOR EACH ROW
        WHEN (old.plan_digest IS DISTINCT FROM new.plan_digest)
        EXECUTE FUNCTION faults.note_plan_change();
      """)
    await connection.close()
  }
}
