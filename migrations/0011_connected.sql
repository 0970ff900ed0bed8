-- Whether the builder's newest connection is there, as far as its backend has seen it end: another program with
-- the same key is not let in beside it.
ALTER TABLE builders ADD COLUMN connected boolean NOT NULL DEFAULT false;
