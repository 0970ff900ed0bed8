-- A .crate that cannot be fetched is tried again later and later, and others go first.
ALTER TABLE looks ADD COLUMN failures smallint NOT NULL DEFAULT 0 CHECK (failures >= 0);
-- Why the last try failed.
ALTER TABLE looks ADD COLUMN failure text;
ALTER TABLE looks ADD COLUMN not_before timestamptz;
-- The registry has answered so often that there is no such file, or with another one, that only somebody who
-- asks for the version has it tried again.
ALTER TABLE looks ADD COLUMN given_up boolean NOT NULL DEFAULT false;
ALTER TABLE looks ADD CONSTRAINT looks_fail_for_a_reason CHECK (
    (failures > 0) = (failure IS NOT NULL) AND (failures > 0 OR NOT given_up AND not_before IS NULL)
);
DROP INDEX looks_in_order;
CREATE INDEX looks_in_order ON looks (kind, band, version_id) INCLUDE (not_before) WHERE NOT given_up;
