-- The registry sync's lease: at most one sync is active. One row; the clock is clock_timestamp().
CREATE TABLE registry_lease (
    -- Grows with every new holder; a body with an older one is refused.
    fence       bigint NOT NULL CHECK (fence >= 0),
    holder      text,
    expires_at  timestamptz,
    CHECK ((holder IS NULL) = (expires_at IS NULL))
);
CREATE UNIQUE INDEX registry_lease_is_one ON registry_lease ((true));
INSERT INTO registry_lease (fence) VALUES (0);

-- What was found in a .crate, for ever: a version that is listed again is not looked into again.
CREATE TABLE contents (
    checksum      text PRIMARY KEY CHECK (checksum ~ '^[0-9a-f]{64}$'),
    -- CrateContents
    contents      jsonb NOT NULL,
    has_binaries  boolean NOT NULL
);
INSERT INTO contents (checksum, contents, has_binaries)
SELECT DISTINCT ON (checksum) checksum, contents, has_binaries FROM versions
WHERE contents IS NOT NULL ORDER BY checksum, updated_at DESC;

-- versions.has_binaries repeats what the contents of its checksum say; null: not looked into.
ALTER TABLE versions DROP COLUMN contents;
-- The index no longer has it: kept for who wants to know, not built any more.
ALTER TABLE versions ADD COLUMN deleted_at timestamptz;
-- Orders a crate's versions: the highest is `latest` (FarmModel: Semver.latestKey).
ALTER TABLE versions ADD COLUMN latest_key text COLLATE "C";

CREATE FUNCTION pg_temp.latest_key(version text) RETURNS text LANGUAGE sql AS $$
    WITH part AS (
        SELECT split_part(version, '+', 1) AS main,
            CASE WHEN version LIKE '%+%' THEN substr(version, strpos(version, '+')) ELSE '' END AS build
    ), cut AS (
        SELECT split_part(main, '-', 1) AS numbers, build,
            CASE WHEN main LIKE '%-%' THEN substr(main, strpos(main, '-') + 1) END AS prerelease
        FROM part
    )
    SELECT CASE WHEN prerelease IS NULL THEN 'r' ELSE 'p' END
        || (SELECT string_agg(chr(96 + length(n)) || n, '' ORDER BY i)
            FROM string_to_table(numbers, '.') WITH ORDINALITY AS t (n, i))
        || coalesce((SELECT string_agg(
                CASE WHEN w ~ '^[0-9]{1,19}$' THEN '0' || chr(96 + length(w)) || w
                     ELSE '1' || w || '!' END, '' ORDER BY i)
            FROM string_to_table(prerelease, '.') WITH ORDINALITY AS t (w, i)), '')
        || build
    FROM cut
$$;
UPDATE versions SET latest_key = pg_temp.latest_key(version);
DROP FUNCTION pg_temp.latest_key(text);
ALTER TABLE versions ALTER COLUMN latest_key SET NOT NULL;

-- The newest version with a binary, of which a crate has few.
CREATE INDEX versions_with_binaries ON versions (crate_id, latest_key) WHERE has_binaries;

-- Downloads as the registry counts them; null: not told. And what was asked of this farm.
ALTER TABLE crates ADD COLUMN downloads bigint CHECK (downloads >= 0);
ALTER TABLE crates ADD COLUMN farm_uses bigint NOT NULL DEFAULT 0 CHECK (farm_uses >= 0);

-- Versions whose .crate is to be looked into, in order.
CREATE TABLE looks (
    version_id  bigint PRIMARY KEY REFERENCES versions (id),
    -- 0: somebody asked for it; 1: the newest of its crate; 2: an older one of a crate with binaries
    kind        smallint NOT NULL CHECK (kind BETWEEN 0 AND 2),
    -- crates.popularity_band
    band        smallint NOT NULL CHECK (band BETWEEN 0 AND 9)
);
CREATE INDEX looks_in_order ON looks (kind, band, version_id);

-- Targets that somebody asked for before the version was looked into.
CREATE TABLE wishes (
    version_id  bigint NOT NULL REFERENCES versions (id),
    target      text NOT NULL,
    wished_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (version_id, target)
);

-- Versions for which jobs are to be made: written with what makes them necessary, emptied by a planner.
CREATE TABLE versions_to_plan (
    version_id  bigint PRIMARY KEY REFERENCES versions (id)
);

-- What is known already and was never looked into: the newest of each crate, as for a version that comes.
INSERT INTO looks (version_id, kind, band)
SELECT DISTINCT ON (v.crate_id) v.id, 1, c.popularity_band
FROM versions v JOIN crates c ON c.id = v.crate_id
WHERE NOT v.yanked ORDER BY v.crate_id, v.latest_key DESC;
DELETE FROM looks l USING versions v WHERE v.id = l.version_id AND v.has_binaries IS NOT NULL;
INSERT INTO looks (version_id, kind, band)
SELECT o.id, 2, c.popularity_band
FROM (SELECT v.id, v.crate_id, v.has_binaries,
          first_value(v.has_binaries) OVER (PARTITION BY v.crate_id ORDER BY v.latest_key DESC) AS newest
      FROM versions v WHERE NOT v.yanked) o
JOIN crates c ON c.id = o.crate_id
WHERE o.newest AND o.has_binaries IS NULL;
