-- A builder's newest connection: the number grows with each time that it was let in, and older ones are
-- given no more jobs.
ALTER TABLE builders ADD COLUMN session bigint NOT NULL DEFAULT 0 CHECK (session >= 0);
-- Which run of the builder's program that connection is of, by the builder's own word; null: not told.
ALTER TABLE builders ADD COLUMN instance text;
