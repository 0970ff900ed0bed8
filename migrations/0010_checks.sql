-- A check: the build that is served is started once more, as its plan wants by now, and nothing is built. It is
-- the version's own job, which says so; what cannot be checked is published all the same until a new build is.
ALTER TABLE jobs ADD COLUMN only_check boolean NOT NULL DEFAULT false;
ALTER TABLE jobs ADD CONSTRAINT jobs_check_is_of_a_build CHECK (
    NOT only_check OR (build_id IS NOT NULL AND verifies IS NULL AND state <> 'succeeded')
);
-- SHA-256 of the plan's checks as canonical JSON; null: the plan must be read. An attempt's: what it was given.
ALTER TABLE jobs ADD COLUMN checks_digest text CHECK (checks_digest ~ '^[0-9a-f]{64}$');
ALTER TABLE attempts ADD COLUMN checks_digest text;
ALTER TABLE attempts ADD COLUMN is_check boolean NOT NULL DEFAULT false;

-- Somebody has asked for it, whatever its target's tier asks for.
ALTER TABLE jobs ADD COLUMN asked boolean NOT NULL DEFAULT false;
UPDATE jobs SET asked = true WHERE class = 0;

-- What the last check of a build that it has passed has shown.
CREATE TABLE checks (
    build_id            bigint PRIMARY KEY REFERENCES builds (id),
    job_id              bigint NOT NULL,
    attempt             integer NOT NULL,
    -- The build's binaries with inspection and smoke runs ([BinaryReport]).
    binaries            jsonb NOT NULL CHECK (jsonb_typeof(binaries) = 'array'),
    -- Where it was started: another environment than the build's is no fault.
    environment_digest  text NOT NULL,
    checked_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, attempt)
);

-- Builds that were checked as older recipes wanted were only told of so far: every version is looked at once.
UPDATE recipe_active SET planned_id = NULL, planned_through = 0;
