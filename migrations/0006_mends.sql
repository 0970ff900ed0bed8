-- Which backend deletes contents, and since when: another one takes over only when that one is dead.
ALTER TABLE orphans ADD COLUMN owner text;
ALTER TABLE orphans ADD COLUMN condemned_at timestamptz;
DELETE FROM orphans WHERE deleting;
ALTER TABLE orphans ADD CONSTRAINT orphans_are_deleted_by_somebody CHECK (
    deleting = (owner IS NOT NULL) AND deleting = (condemned_at IS NOT NULL)
);
