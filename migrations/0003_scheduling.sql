-- What a builder must have for a job: few distinct rows, which backends match with what a builder has. A
-- claim then asks for numbers only.
CREATE TABLE requirements (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target        text NOT NULL,
    executor      text NOT NULL,
    -- Powers of two of GiB that a builder must have for one slot: 0 (1 GiB) upwards.
    memory_class  smallint NOT NULL CHECK (memory_class BETWEEN 0 AND 10),
    disk_class    smallint NOT NULL CHECK (disk_class BETWEEN 0 AND 20),
    -- The Rust that the target asks for, a version requirement.
    rust          text NOT NULL DEFAULT '*',
    -- The oldest Rust that the version itself compiles with; '': not told, or no more than the target asks.
    minimum_rust  text NOT NULL DEFAULT '',
    -- The versions of the module that will do, a version requirement.
    module        text NOT NULL DEFAULT '*',
    -- Labels that a builder must carry.
    labels        jsonb NOT NULL DEFAULT '{}',
    UNIQUE (target, executor, memory_class, disk_class, rust, minimum_rust, module, labels)
);

-- Only what stands for itself in the plan: the limits of a job that is to be tried with more are larger.
ALTER TABLE jobs ADD COLUMN requirement_id bigint REFERENCES requirements (id);
INSERT INTO requirements (target, executor, memory_class, disk_class, rust)
SELECT DISTINCT target, coalesce(executor, ''), size_class, 4, coalesce(plan #>> '{inputs,rust}', '*')
FROM jobs;
UPDATE jobs j SET requirement_id = r.id FROM requirements r
WHERE r.target = j.target AND r.executor = coalesce(j.executor, '') AND r.memory_class = j.size_class
  AND r.rust = coalesce(j.plan #>> '{inputs,rust}', '*');
ALTER TABLE jobs ALTER COLUMN requirement_id SET NOT NULL;

-- Why a pending job is not to be claimed: it waits for `not_before`, or for an operator.
ALTER TABLE jobs ADD COLUMN hold text CHECK (hold IN ('backoff', 'suspect'));
UPDATE jobs SET hold = 'backoff' WHERE not_before IS NOT NULL;
ALTER TABLE jobs DROP CONSTRAINT jobs_only_pending_waits;
ALTER TABLE jobs ADD CONSTRAINT jobs_only_pending_is_held CHECK (
    (state = 'pending' OR hold IS NULL)
    AND (hold IS NOT DISTINCT FROM 'backoff') = (not_before IS NOT NULL)
);
-- Builders on which it failed for want of infrastructure: another one is to try it.
ALTER TABLE jobs ADD COLUMN avoid bigint[] NOT NULL DEFAULT '{}';
-- Attempts up to this one are forgiven: the plan changed, or an operator retried.
ALTER TABLE jobs ADD COLUMN forgiven_attempt integer NOT NULL DEFAULT 0;

DROP INDEX jobs_claim;
ALTER TABLE jobs DROP COLUMN size_class;
CREATE INDEX jobs_claim ON jobs (requirement_id, class, rank, id)
    WHERE state = 'pending' AND hold IS NULL;
CREATE INDEX jobs_in_backoff ON jobs (not_before) WHERE hold = 'backoff';
CREATE INDEX jobs_suspect ON jobs (id) WHERE hold = 'suspect';
CREATE INDEX jobs_avoiding ON jobs (updated_at) WHERE state = 'pending' AND avoid <> '{}';
-- What not every builder that could may have.
CREATE INDEX jobs_particular ON jobs (requirement_id)
    WHERE state = 'pending' AND hold IS NULL AND (other_than IS NOT NULL OR avoid <> '{}');
-- What runs of a target, for its limit.
CREATE INDEX jobs_running ON jobs (target) WHERE state = 'leased';
-- How long attempts of late have taken.
CREATE INDEX attempts_finished ON attempts (finished_at DESC) WHERE finished_at IS NOT NULL;

-- Quarantine: crates whose attempts ended in `infrastructure` in a row, how often it had to pause, and
-- until when it gets no job.
ALTER TABLE builders ADD COLUMN failed_crates bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE builders ADD COLUMN quarantines integer NOT NULL DEFAULT 0 CHECK (quarantines >= 0);
ALTER TABLE builders ADD COLUMN quarantined_until timestamptz;

-- Popular crates come first in a backfill: 0 (most popular) to 9.
ALTER TABLE crates ADD COLUMN popularity_band smallint NOT NULL DEFAULT 5
    CHECK (popularity_band BETWEEN 0 AND 9);

-- A job leaves dead rows at the head of the claim's index. The default waits for a fifth of the table: of ten
-- million waiting jobs, two million.
ALTER TABLE jobs SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_limit = 2000, vacuum_index_cleanup = on
);

-- Contents in storage that an attempt wrote and did not publish: removed after a while, unless somebody
-- has published or uploaded the same bytes since. Who wants to publish bytes that are being removed waits.
CREATE TABLE orphans (
    sha256    text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    found_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleting  boolean NOT NULL DEFAULT false
);
CREATE INDEX uploads_by_content ON uploads (sha256);
