-- A target may be built by several executor modules: a builder must have the one that the plan names.
ALTER TABLE jobs ADD COLUMN executor text GENERATED ALWAYS AS (plan #>> '{inputs,executor}') STORED;

DROP INDEX jobs_claim;
CREATE INDEX jobs_claim ON jobs (target, executor, size_class, class, rank, id)
    WHERE state = 'pending';

-- A verification is a job of its own: the plan of a published build, built once more by another
-- builder. Its result is compared with the build, never published; its `build_id` is the build.
ALTER TABLE jobs ADD COLUMN verifies bigint REFERENCES builds (id);
-- The builder whose work is verified, which must not do it again itself.
ALTER TABLE jobs ADD COLUMN other_than bigint REFERENCES builders (id);
ALTER TABLE jobs ADD CONSTRAINT jobs_verification_is_by_another CHECK (
    (verifies IS NULL) = (other_than IS NULL)
    AND (verifies IS NULL OR builder_id IS NULL OR builder_id <> other_than)
);
ALTER TABLE jobs ADD CONSTRAINT jobs_verification_publishes_nothing CHECK (
    verifies IS NULL OR build_id IS NULL OR build_id = verifies
);

-- One job a (version, target) as before, and one verification a build.
ALTER TABLE jobs DROP CONSTRAINT jobs_version_id_target_key;
CREATE UNIQUE INDEX jobs_of_version ON jobs (version_id, target) WHERE verifies IS NULL;
CREATE UNIQUE INDEX jobs_of_verification ON jobs (verifies) WHERE verifies IS NOT NULL;

-- What a verification found; builds.reproducibility repeats the verdict.
CREATE TABLE verifications (
    build_id            bigint PRIMARY KEY REFERENCES builds (id),
    job_id              bigint NOT NULL REFERENCES jobs (id),
    attempt             integer NOT NULL,
    verdict             text NOT NULL CHECK (verdict IN ('reproduced', 'differs')),
    -- Names of files and binaries that differ, sorted.
    differing           text[] NOT NULL,
    -- Where it was built: another environment than the build's may explain a difference.
    environment_digest  text NOT NULL,
    verified_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, attempt),
    CHECK ((verdict = 'reproduced') = (differing = '{}'))
);
