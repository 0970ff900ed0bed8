import FarmModel
import Postgres

/// The statements that keep a batch of the registry sync: its lines are copied into temporary tables, and
/// each of the statements does one thing for all of them. They run one after the other in a transaction.
enum StagingStatements {
  static let all: [any Statement.Type] = [
    MergeRepeated.self, DropRepeated.self, FindCrates.self, AddCrates.self, KeepContents.self,
    FindVersions.self, ChangeVersions.self, AddVersions.self, ApplyLists.self, Describe.self,
    CountDownloads.self, CountChanges.self, FollowJobs.self, ToPlan.self, ToLook.self,
    LookAnew.self,
  ]

  /// Of this session only; emptied at the end of each transaction. Creating them again does nothing.
  static let tables = """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_crates (
      number int NOT NULL, line int NOT NULL, name text NOT NULL, normalized_name text NOT NULL,
      has_versions boolean NOT NULL,
      -- The highest unyanked version of the lines.
      newest text,
      -- What the index has; null: not told.
      listed text[],
      -- The lines are what is listed.
      is_complete boolean NOT NULL,
      downloads bigint,
      id bigint, is_new boolean NOT NULL DEFAULT false
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_versions (
      line int NOT NULL, crate int NOT NULL, version text NOT NULL,
      latest_key text COLLATE "C" NOT NULL, checksum text NOT NULL, yanked boolean NOT NULL,
      rust_version text, published_at bigint, contents jsonb,
      id bigint, was_offered boolean, has_new_contents boolean NOT NULL DEFAULT false
    ) ON COMMIT DELETE ROWS;
    -- What became of versions that a decision may hang on. Offered: neither yanked nor deleted; null:
    -- it was not there.
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_changes (
      version_id bigint NOT NULL, crate_id bigint NOT NULL, was_offered boolean,
      is_offered boolean NOT NULL
    ) ON COMMIT DELETE ROWS;
    """

  /// What is looked up by an index is in memory, or nearly so.
  static let settings = "SET LOCAL random_page_cost = 1.1"

  /// Plans are kept by connection. Those for a few lines do not fit many, nor the other way round: a body of
  /// more lines than this has its own.
  static let largeBody = 500
  static let forgetPlans = "DISCARD PLANS"

  static let copyCrates = """
    COPY staged_crates (number, line, name, normalized_name, has_versions, newest, listed, is_complete,
      downloads) FROM STDIN
    """
  static let copyVersions = """
    COPY staged_versions (line, crate, version, latest_key, checksum, yanked, rust_version,
      published_at, contents) FROM STDIN
    """

  // MARK: Lines about the same

  /// The last of several lines of a version holds, with what only those before it tell.
  struct MergeRepeated: Statement {
    static let sql = """
      WITH whole AS (
        SELECT max(line) AS line,
          (array_agg(rust_version ORDER BY line DESC)
            FILTER (WHERE rust_version IS NOT NULL))[1] AS rust_version,
          (array_agg(published_at ORDER BY line DESC)
            FILTER (WHERE published_at IS NOT NULL))[1] AS published_at,
          (array_agg(contents ORDER BY line DESC) FILTER (WHERE contents IS NOT NULL))[1] AS contents
        FROM staged_versions GROUP BY crate, version, checksum HAVING count(*) > 1
      )
      UPDATE staged_versions s
      SET rust_version = w.rust_version, published_at = w.published_at, contents = w.contents
      FROM whole w WHERE w.line = s.line
      """
  }

  struct DropRepeated: Statement {
    static let sql = """
      DELETE FROM staged_versions s USING (
        SELECT line, max(line) OVER (PARTITION BY crate, version) AS last FROM staged_versions
      ) l WHERE l.line = s.line AND l.line < l.last
      """
  }

  // MARK: Crates

  /// How many crates were known, and the first line whose crate is spelled otherwise there.
  struct FindCrates: Statement {
    static let sql = """
      WITH found AS (
        UPDATE staged_crates s SET id = c.id
        FROM crates c WHERE c.normalized_name = s.normalized_name
        RETURNING s.line, c.name <> s.name AS is_other
      )
      SELECT count(*) AS known, min(line) FILTER (WHERE is_other) AS other FROM found
      """
    func decode(_ row: PostgresRow) throws -> (known: Int, otherSpelling: Int?) {
      (try row.int("known"), try row.optionalInt("other"))
    }
  }

  /// A crate without any version is nobody's concern.
  struct AddCrates: Statement {
    static let sql = """
      WITH made AS (
        INSERT INTO crates (registry_id, name, normalized_name, downloads)
        SELECT $1, name, normalized_name, downloads FROM staged_crates
        WHERE id IS NULL AND has_versions
        ORDER BY number
        RETURNING id, normalized_name
      )
      UPDATE staged_crates s SET id = made.id, is_new = true
      FROM made WHERE made.normalized_name = s.normalized_name
      """
    let parameters: [PostgresValue]
    init(registry: Int64) { parameters = [.int(registry)] }
  }

  /// The newest version that was looked into tells what its crate is.
  struct Describe: Statement {
    static let sql = """
      UPDATE crates c
      SET description = coalesce(d.description, c.description),
          repository = coalesce(d.repository, c.repository), license = coalesce(d.license, c.license)
      FROM (
        SELECT DISTINCT ON (k.id) k.id, s.latest_key, s.contents ->> 'description' AS description,
          s.contents ->> 'repository' AS repository, s.contents ->> 'license' AS license
        FROM staged_versions s JOIN staged_crates k ON k.number = s.crate
        WHERE s.contents IS NOT NULL ORDER BY k.id, s.latest_key DESC
      ) d
      WHERE c.id = d.id
        AND (coalesce(d.description, c.description), coalesce(d.repository, c.repository),
             coalesce(d.license, c.license))
          IS DISTINCT FROM (c.description, c.repository, c.license)
        AND NOT EXISTS (
          SELECT FROM versions v WHERE v.crate_id = c.id AND v.latest_key > d.latest_key
            AND v.has_binaries IS NOT NULL AND v.deleted_at IS NULL)
      """
  }

  struct CountDownloads: Statement {
    static let sql = """
      UPDATE crates c SET downloads = s.downloads FROM staged_crates s
      WHERE c.id = s.id AND s.downloads IS NOT NULL AND c.downloads IS DISTINCT FROM s.downloads
      """
  }

  // MARK: Versions

  struct KeepContents: Statement {
    static let sql = """
      WITH kept AS (
        INSERT INTO contents AS c (checksum, contents, has_binaries)
        SELECT DISTINCT ON (checksum) checksum, contents,
          jsonb_array_length(contents -> 'binaries') > 0
        FROM staged_versions WHERE contents IS NOT NULL ORDER BY checksum, line DESC
        ON CONFLICT (checksum) DO UPDATE
          SET contents = excluded.contents, has_binaries = excluded.has_binaries
          WHERE c.contents IS DISTINCT FROM excluded.contents
        RETURNING checksum
      )
      UPDATE staged_versions s SET has_new_contents = true
      FROM kept WHERE kept.checksum = s.checksum AND s.contents IS NOT NULL
      """
  }

  struct FindVersions: Statement {
    static let sql = """
      UPDATE staged_versions s
      SET id = v.id, was_offered = NOT v.yanked AND v.deleted_at IS NULL
      FROM staged_crates k, versions v
      WHERE k.number = s.crate AND NOT k.is_new AND v.crate_id = k.id AND v.version = s.version
      """
  }

  /// Writes only where something is different. What is listed again is there again.
  struct ChangeVersions: Statement {
    static let sql = """
      WITH changed AS (
        UPDATE versions v
        SET checksum = s.checksum, yanked = s.yanked,
            rust_version = coalesce(s.rust_version, v.rust_version),
            published_at = coalesce(to_timestamp(s.published_at), v.published_at),
            has_binaries = c.has_binaries, deleted_at = NULL, updated_at = clock_timestamp()
        FROM staged_versions s LEFT JOIN contents c ON c.checksum = s.checksum
        WHERE v.id = s.id
          AND ((v.checksum, v.yanked, v.has_binaries)
                 IS DISTINCT FROM (s.checksum, s.yanked, c.has_binaries)
               OR v.deleted_at IS NOT NULL OR s.has_new_contents
               OR (s.rust_version IS NOT NULL AND v.rust_version IS DISTINCT FROM s.rust_version)
               OR (s.published_at IS NOT NULL
                   AND v.published_at IS DISTINCT FROM to_timestamp(s.published_at)))
        RETURNING v.id, v.crate_id, s.was_offered, NOT v.yanked AS is_offered
      )
      INSERT INTO staged_changes (version_id, crate_id, was_offered, is_offered)
      SELECT id, crate_id, was_offered, is_offered FROM changed
      """
  }

  /// Of a crate that is new with all its versions, nothing has to be found out: the newest one is to be
  /// looked into. Its band is that of every new crate.
  struct AddVersions: Statement {
    static let sql = """
      WITH made AS (
        INSERT INTO versions (crate_id, version, latest_key, checksum, yanked, rust_version,
                              published_at, has_binaries)
        SELECT k.id, s.version, s.latest_key, s.checksum, s.yanked, s.rust_version,
          to_timestamp(s.published_at), c.has_binaries
        FROM staged_versions s JOIN staged_crates k ON k.number = s.crate
        LEFT JOIN contents c ON c.checksum = s.checksum
        WHERE s.id IS NULL
        ORDER BY s.line
        RETURNING id, crate_id, version, yanked, has_binaries
      ), noted AS (
        INSERT INTO staged_changes (version_id, crate_id, was_offered, is_offered)
        SELECT made.id, made.crate_id, NULL, NOT made.yanked
        FROM made JOIN staged_crates k ON k.id = made.crate_id
        WHERE NOT k.is_new OR made.has_binaries IS NOT NULL
      ), looked AS (
        INSERT INTO looks (version_id, kind, band)
        SELECT made.id, 1, 5 FROM made JOIN staged_crates k ON k.id = made.crate_id
        WHERE k.is_new AND made.version = k.newest AND made.has_binaries IS NULL
      )
      SELECT count(*) AS added FROM made
      """
    func decode(_ row: PostgresRow) throws -> Int { try row.int("added") }
  }

  /// Marks what the index no longer lists, and takes the mark from what it lists again.
  struct ApplyLists: Statement {
    static let sql = """
      WITH lists AS (
        SELECT id, listed FROM staged_crates
        WHERE id IS NOT NULL AND listed IS NOT NULL AND NOT (is_new AND is_complete)
      ), listed AS (
        SELECT lists.id AS crate_id, l.version FROM lists, unnest(lists.listed) AS l (version)
      ), changed AS (
        UPDATE versions v
        SET deleted_at = CASE WHEN v.deleted_at IS NULL THEN clock_timestamp() END,
            updated_at = clock_timestamp()
        FROM (
          SELECT w.id, NOT w.yanked AND w.deleted_at IS NULL AS was_offered
          FROM lists JOIN versions w ON w.crate_id = lists.id
          LEFT JOIN listed l ON l.crate_id = w.crate_id AND l.version = w.version
          WHERE (l.version IS NULL) = (w.deleted_at IS NULL)
        ) d
        WHERE v.id = d.id
        RETURNING v.id, v.crate_id, d.was_offered, NOT v.yanked AND v.deleted_at IS NULL AS is_offered
      )
      INSERT INTO staged_changes (version_id, crate_id, was_offered, is_offered)
      SELECT id, crate_id, was_offered, is_offered FROM changed
      """
  }

  struct Changes: Sendable {
    var all = 0
    /// Versions that are offered now and were not, or the other way round.
    var turned = 0
    /// Versions that were there, and those of them that have a line.
    var changed = 0
    var told = 0
  }

  struct CountChanges: Statement {
    static let sql = """
      SELECT count(*) AS all_changes, count(*) FILTER (WHERE c.was_offered <> c.is_offered) AS turned,
        count(DISTINCT c.version_id) FILTER (WHERE c.was_offered IS NOT NULL) AS changed,
        count(DISTINCT s.id) FILTER (WHERE c.was_offered IS NOT NULL AND s.id IS NOT NULL) AS told
      FROM staged_changes c LEFT JOIN staged_versions s ON s.id = c.version_id
      """
    func decode(_ row: PostgresRow) throws -> Changes {
      Changes(
        all: try row.int("all_changes"), turned: try row.int("turned"),
        changed: try row.int("changed"), told: try row.int("told"))
    }
  }

  // MARK: What follows

  /// The jobs of versions that are no longer offered end, those of versions that are so again come back.
  /// Answers the requirements of jobs that may be claimed now.
  struct FollowJobs: Statement {
    static let sql = """
      WITH turned AS (
        SELECT DISTINCT v.id, NOT v.yanked AND v.deleted_at IS NULL AS offered
        FROM staged_changes c JOIN versions v ON v.id = c.version_id
        WHERE c.was_offered <> c.is_offered
      ), followed AS (
        UPDATE jobs j
        SET state = CASE WHEN NOT t.offered AND j.state = 'pending' THEN 'cancelled'
                         WHEN t.offered AND j.state = 'cancelled' THEN 'pending'
                         ELSE j.state END,
            finalized_at = CASE WHEN NOT t.offered AND j.state = 'pending' THEN clock_timestamp()
                                WHEN t.offered AND j.state = 'cancelled' THEN NULL
                                ELSE j.finalized_at END,
            hold = CASE WHEN t.offered THEN j.hold END,
            not_before = CASE WHEN t.offered THEN j.not_before END,
            -- An operator's wish that one ends is not taken back by the registry.
            withdrawn = NOT t.offered AND (j.state = 'pending' OR j.withdrawn OR NOT j.cancel_requested),
            cancel_requested = j.state = 'leased'
              AND (NOT t.offered OR (j.cancel_requested AND NOT j.withdrawn)),
            updated_at = clock_timestamp()
        FROM turned t
        WHERE j.version_id = t.id
          AND ((NOT t.offered AND j.state IN ('pending', 'leased'))
               OR (t.offered AND (j.state = 'leased'
                                  OR (j.state = 'cancelled' AND j.withdrawn AND NOT j.dropped))))
        RETURNING j.requirement_id, j.state
      )
      SELECT DISTINCT requirement_id FROM followed WHERE state = 'pending'
      """
    func decode(_ row: PostgresRow) throws -> Int64 { Int64(try row.int("requirement_id")) }
  }

  /// What changed, and the newest version with a binary of each crate of which something changed.
  struct ToPlan: Statement {
    static let sql = """
      INSERT INTO versions_to_plan (version_id)
      SELECT v.id
      FROM (SELECT DISTINCT crate_id FROM staged_changes) a
      JOIN versions v ON v.crate_id = a.crate_id
      WHERE v.has_binaries AND NOT v.yanked AND v.deleted_at IS NULL
        AND (EXISTS (SELECT FROM staged_changes s WHERE s.version_id = v.id)
             OR v.latest_key = (SELECT max(n.latest_key) FROM versions n
                                WHERE n.crate_id = v.crate_id AND n.has_binaries AND NOT n.yanked
                                  AND n.deleted_at IS NULL))
      ON CONFLICT DO NOTHING
      """
  }

  /// The versions of changed crates that are to be looked into: what somebody asked for, the newest one,
  /// and where that has a binary, the older ones. Nothing can be built of what has none: it is no longer
  /// wished for.
  struct ToLook: Statement {
    static let sql = """
      WITH affected AS (
        SELECT DISTINCT crate_id FROM staged_changes
      ), offered AS (
        SELECT v.id, v.crate_id, v.has_binaries, first_value(v.id) OVER w AS newest,
          first_value(v.has_binaries) OVER w AS newest_has_binaries
        FROM affected a JOIN versions v ON v.crate_id = a.crate_id
        WHERE NOT v.yanked AND v.deleted_at IS NULL
        WINDOW w AS (PARTITION BY v.crate_id ORDER BY v.latest_key DESC)
      ), wanted AS (
        SELECT * FROM (
          SELECT o.id, o.crate_id,
            CASE WHEN EXISTS (SELECT FROM wishes w WHERE w.version_id = o.id) THEN 0
                 WHEN o.id = o.newest THEN 1
                 WHEN o.newest_has_binaries THEN 2 END AS kind
          FROM offered o WHERE o.has_binaries IS NULL
        ) AS k WHERE kind IS NOT NULL
      ), looked AS (
        DELETE FROM looks l USING affected a JOIN versions v ON v.crate_id = a.crate_id
        WHERE l.version_id = v.id AND NOT EXISTS (SELECT FROM wanted w WHERE w.id = v.id)
      ), forgotten AS (
        DELETE FROM wishes w USING staged_changes s JOIN versions v ON v.id = s.version_id
        WHERE w.version_id = v.id AND NOT v.has_binaries
      )
      INSERT INTO looks AS l (version_id, kind, band)
      SELECT w.id, w.kind, c.popularity_band FROM wanted w JOIN crates c ON c.id = w.crate_id
      ON CONFLICT (version_id) DO UPDATE SET kind = excluded.kind WHERE l.kind <> excluded.kind
      """
  }

  /// What the registry says something new of may be there now.
  struct LookAnew: Statement {
    static let sql = """
      UPDATE looks l SET failures = 0, failure = NULL, not_before = NULL, given_up = false
      FROM (SELECT DISTINCT version_id FROM staged_changes) s
      WHERE l.version_id = s.version_id AND l.failures > 0
      """
  }
}
