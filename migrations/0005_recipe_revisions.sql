-- Sets of targets and recipes that were in force. Numbers only grow: going back to an older content makes a
-- new revision of it.
CREATE TABLE recipe_revisions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- SHA-256 over the files' names and contents.
    digest      text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    -- `targets/<triple>.yaml` and `recipes/<crate>.yaml` with their texts.
    files       jsonb NOT NULL CHECK (jsonb_typeof(files) = 'object'),
    -- Who or what applied it, for people.
    note        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The revision that all backends follow: one row, or none before the first backend has started.
CREATE TABLE recipe_active (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision_id      bigint NOT NULL REFERENCES recipe_revisions (id),
    -- The revision that all jobs are known to follow; null: none, so that every version must be looked at.
    planned_id       bigint REFERENCES recipe_revisions (id),
    -- While the two differ: up to which version the jobs follow the active one.
    planned_through  bigint NOT NULL DEFAULT 0,
    CHECK (planned_id <= revision_id)
);

-- Cancelled because the recipes no longer want it; comes back when they do.
ALTER TABLE jobs ADD COLUMN dropped boolean NOT NULL DEFAULT false;
ALTER TABLE jobs ADD CONSTRAINT jobs_only_cancelled_is_dropped CHECK (NOT dropped OR state = 'cancelled');
-- It was being built when its plan changed: to be planned again when that has ended.
ALTER TABLE jobs ADD COLUMN outdated boolean NOT NULL DEFAULT false;
CREATE INDEX jobs_outdated ON jobs (version_id) WHERE outdated;
