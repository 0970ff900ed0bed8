-- A builder's newest connection: the number grows with each time that it was let in, and older ones are
-- given no more jobs.
ALTER TABLE builders ADD COLUMN session bigint NOT NULL DEFAULT 0 CHECK (session >= 0);
-- Which run of the builder's program that connection is of, by the builder's own word; null: not told.
ALTER TABLE builders ADD COLUMN instance text;

-- Ended because its version was no longer offered: it comes back with it. What an operator has cancelled
-- does not.
ALTER TABLE jobs ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
UPDATE jobs j SET withdrawn = true
FROM versions v
WHERE v.id = j.version_id AND (v.yanked OR v.deleted_at IS NOT NULL)
  AND (j.cancel_requested OR (j.state = 'cancelled' AND NOT j.dropped));
