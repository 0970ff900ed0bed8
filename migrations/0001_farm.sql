-- The farm's data model. PostgreSQL is the queue, the lease table, the clock and the event bus.
-- Times are the database's own (clock_timestamp()), the only clock that leases are measured by.

-- A registry whose index the sync follows.
CREATE TABLE registries (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    index_url          text NOT NULL UNIQUE,
    download_template  text NOT NULL,
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE crates (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry_id      bigint NOT NULL REFERENCES registries (id),
    name             text NOT NULL UNIQUE,
    normalized_name  text NOT NULL UNIQUE,
    description      text,
    repository       text,
    license          text,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (name ~ '^[A-Za-z_][A-Za-z0-9_-]{0,63}$'),
    CHECK (normalized_name = lower(replace(name, '-', '_')))
);

CREATE TABLE versions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    crate_id      bigint NOT NULL REFERENCES crates (id),
    version       text NOT NULL,
    checksum      text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    yanked        boolean NOT NULL DEFAULT false,
    rust_version  text,
    published_at  timestamptz,
    -- What was found in the .crate (CrateContents); null: not looked into.
    contents      jsonb,
    -- Whether it has at least one binary; null: not looked into.
    has_binaries  boolean,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (crate_id, version),
    CHECK ((contents IS NULL) = (has_binaries IS NULL))
);

CREATE TABLE builders (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    public_key    text NOT NULL UNIQUE CHECK (public_key ~ '^[0-9a-f]{64}$'),
    state         text NOT NULL CHECK (state IN ('pending', 'approved', 'disabled')),
    draining      boolean NOT NULL DEFAULT false,
    version       text,
    -- The last `capabilities` message; null: never sent.
    capabilities  jsonb,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at  timestamptz
);

-- Invitations: whoever presents an unused one is approved at once. Only the hash is kept.
CREATE TABLE enrolment_tokens (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash  text NOT NULL UNIQUE,
    note        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    builder_id  bigint REFERENCES builders (id),
    CHECK ((used_at IS NULL) = (builder_id IS NULL))
);

-- Public halves of the farm's signing keys; a backend whose key is not here refuses to start.
CREATE TABLE signing_keys (
    key_id      text PRIMARY KEY CHECK (key_id ~ '^[0-9A-F]{16}$'),
    -- The base64 line of minisign's public key file.
    public_key  text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One job a (version, target).
CREATE TABLE jobs (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id        bigint NOT NULL REFERENCES versions (id),
    target            text NOT NULL,
    state             text NOT NULL CHECK (state IN ('pending', 'leased', 'succeeded', 'failed', 'cancelled')),
    -- 0 request, 1 new, 2 rebuild, 3 backfill
    class             smallint NOT NULL CHECK (class BETWEEN 0 AND 3),
    -- Virtual time of the job's group within its class.
    rank              bigint NOT NULL,
    -- Power of two of GiB of memory that a builder must have: 0 (1 GiB) to 10 (1 TiB).
    size_class        smallint NOT NULL DEFAULT 2 CHECK (size_class BETWEEN 0 AND 10),
    plan              jsonb NOT NULL,
    plan_digest       text NOT NULL CHECK (plan_digest ~ '^[0-9a-f]{64}$'),
    -- The last attempt's number, which is the fence; 0: none yet. It only grows.
    attempt           integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    retries_left      integer NOT NULL DEFAULT 5 CHECK (retries_left >= 0),
    -- Whether the next attempt runs with twice the memory and time, after it ran out of them once.
    limits_doubled    boolean NOT NULL DEFAULT false,
    -- Not before this time, for backoff between retries.
    not_before        timestamptz,
    builder_id        bigint REFERENCES builders (id),
    lease_expires_at  timestamptz,
    -- Set by yank or operator while the job is leased; the builder is told.
    cancel_requested  boolean NOT NULL DEFAULT false,
    failure_class     text,
    failure_message   text,
    -- The build that is served; a failed rebuild does not withdraw it.
    build_id          bigint,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    finalized_at      timestamptz,
    UNIQUE (version_id, target),
    CONSTRAINT jobs_lease_belongs_to_leased CHECK (
        (state = 'leased') = (builder_id IS NOT NULL)
        AND (state = 'leased') = (lease_expires_at IS NOT NULL)
        AND (state <> 'leased' OR attempt > 0)
        AND (state = 'leased' OR NOT cancel_requested)
    ),
    CONSTRAINT jobs_final_states_have_a_time CHECK (
        (state IN ('succeeded', 'failed', 'cancelled')) = (finalized_at IS NOT NULL)
    ),
    CONSTRAINT jobs_failure_is_told CHECK (
        (state <> 'failed' OR failure_class IS NOT NULL)
        AND (state <> 'succeeded' OR failure_class IS NULL)
        AND ((failure_class IS NULL) = (failure_message IS NULL))
    ),
    CONSTRAINT jobs_success_has_a_build CHECK (state <> 'succeeded' OR build_id IS NOT NULL),
    CONSTRAINT jobs_only_pending_waits CHECK (state = 'pending' OR not_before IS NULL)
);

-- What the claim reads: its cost must not grow with finished jobs.
CREATE INDEX jobs_claim ON jobs (target, size_class, class, rank, id) WHERE state = 'pending';
CREATE INDEX jobs_leases ON jobs (lease_expires_at) WHERE state = 'leased';
CREATE INDEX jobs_of_builder ON jobs (builder_id) WHERE state = 'leased';

-- One try at a job by one builder.
CREATE TABLE attempts (
    job_id             bigint NOT NULL REFERENCES jobs (id),
    attempt            integer NOT NULL CHECK (attempt > 0),
    builder_id         bigint NOT NULL REFERENCES builders (id),
    plan_digest        text NOT NULL,
    -- SHA-256 of the upload token.
    upload_token_hash  text NOT NULL,
    stage              text,
    started_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at        timestamptz,
    -- null while it runs; else succeeded, failed
    result             text CHECK (result IN ('succeeded', 'failed')),
    failure_class      text,
    failure_message    text,
    -- The whole log in storage, once the attempt has ended.
    log_sha256         text,
    log_bytes          bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, attempt),
    CHECK ((finished_at IS NULL) = (result IS NULL)),
    CHECK ((result IS NOT DISTINCT FROM 'failed') = (failure_class IS NOT NULL)),
    CHECK ((failure_class IS NULL) = (failure_message IS NULL))
);

CREATE INDEX attempts_of_builder ON attempts (builder_id, started_at DESC);

-- The log of a running attempt, in pieces; moved whole to storage at the end.
CREATE TABLE log_chunks (
    job_id    bigint NOT NULL,
    attempt   integer NOT NULL,
    sequence  integer NOT NULL CHECK (sequence > 0),
    text      text NOT NULL,
    PRIMARY KEY (job_id, attempt, sequence),
    FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, attempt) ON DELETE CASCADE
);

-- Files that an attempt has uploaded, before and after publication.
CREATE TABLE uploads (
    job_id       bigint NOT NULL,
    attempt      integer NOT NULL,
    name         text NOT NULL,
    size         bigint NOT NULL CHECK (size >= 0),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    storage_key  text NOT NULL,
    uploaded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, attempt, name),
    FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, attempt) ON DELETE CASCADE
);

-- The published result of a job: never changed once it is written.
CREATE TABLE builds (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id              bigint NOT NULL REFERENCES jobs (id),
    attempt             integer NOT NULL,
    revision            integer NOT NULL CHECK (revision > 0),
    plan_digest         text NOT NULL,
    -- `sha256:…` of everything the build ran in.
    environment_digest  text NOT NULL,
    toolchain           text NOT NULL,
    glibc_floor         text,
    -- BuildReport
    report              jsonb NOT NULL,
    reproducibility     text NOT NULL DEFAULT 'untested'
        CHECK (reproducibility IN ('untested', 'reproduced', 'differs')),
    published_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (job_id, revision),
    UNIQUE (job_id, attempt),
    FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, attempt)
);

ALTER TABLE jobs ADD FOREIGN KEY (build_id) REFERENCES builds (id);

CREATE TABLE artifacts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    build_id     bigint NOT NULL REFERENCES builds (id),
    name         text NOT NULL,
    kind         text NOT NULL
        CHECK (kind IN ('binary', 'debian', 'metadata', 'sbom', 'provenance', 'log')),
    size         bigint NOT NULL CHECK (size >= 0),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- The text of the .minisig file.
    signature    text NOT NULL,
    key_id       text NOT NULL REFERENCES signing_keys (key_id),
    UNIQUE (build_id, name)
);

CREATE INDEX artifacts_by_content ON artifacts (sha256);

-- Virtual time: what has been claimed last in a class, and the last rank given to a group of it.
CREATE TABLE rank_clocks (
    class  smallint PRIMARY KEY CHECK (class BETWEEN 0 AND 3),
    now    bigint NOT NULL
);
INSERT INTO rank_clocks (class, now) VALUES (0, 0), (1, 0), (2, 0), (3, 0);

CREATE TABLE rank_groups (
    class      smallint NOT NULL CHECK (class BETWEEN 0 AND 3),
    name       text NOT NULL,
    last_rank  bigint NOT NULL,
    PRIMARY KEY (class, name)
);
