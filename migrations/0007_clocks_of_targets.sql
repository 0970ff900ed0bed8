-- Virtual time is a target's own. With one clock for all of them, fast targets moved it past the backlog that
-- a workspace had for a slow one, and whoever came for the slow one later waited behind all of that backlog.

ALTER TABLE rank_clocks RENAME TO rank_clocks_of_classes;
CREATE TABLE rank_clocks (
    class       smallint NOT NULL CHECK (class BETWEEN 0 AND 3),
    target      text NOT NULL,
    -- The rank last claimed.
    now         bigint NOT NULL DEFAULT 0,
    -- When a job was last claimed in its turn, about: targets take turns at builders that build for several.
    claimed_at  timestamptz,
    PRIMARY KEY (class, target)
) WITH (fillfactor = 50);
-- There is a clock for each target that a requirement names: whoever makes a requirement makes them.
INSERT INTO rank_clocks (class, target, now)
SELECT c.class, r.target, c.now
FROM rank_clocks_of_classes c CROSS JOIN (SELECT DISTINCT target FROM requirements) AS r;
DROP TABLE rank_clocks_of_classes;

DROP TABLE rank_groups;
CREATE TABLE rank_groups (
    class      smallint NOT NULL CHECK (class BETWEEN 0 AND 3),
    target     text NOT NULL,
    name       text NOT NULL,
    last_rank  bigint NOT NULL,
    PRIMARY KEY (class, target, name)
);
-- Of a group whose turns are over nothing is known: what waits is enough.
INSERT INTO rank_groups (class, target, name, last_rank)
SELECT j.class, j.target,
       CASE WHEN j.verifies IS NULL THEN left(coalesce(c.repository, c.name), 500) ELSE 'verification' END,
       max(j.rank)
FROM jobs j JOIN versions v ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id
WHERE j.state = 'pending' GROUP BY 1, 2, 3;
