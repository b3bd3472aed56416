-- Lanes: which jobs stand in one line, and whose turn it is in it.
--
-- `priority` is written as 0 and no longer read; a later release drops it. Rows
-- of the release before stand in the lane '' and wait until they are due.

-- `ready` for any worker, or `waiting` until `due_at`: put off, or in a
-- worker's hands until its lease ends.
ALTER TABLE jobs ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
-- The model of a run; the kind of anything else.
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT '';
-- On whose behalf: each flow of a lane gets the same share of it.
ALTER TABLE jobs ADD COLUMN flow TEXT NOT NULL DEFAULT '';
-- The order within the lane: lower first.
ALTER TABLE jobs ADD COLUMN seat BIGINT NOT NULL DEFAULT 0;

CREATE INDEX jobs_ready ON jobs (lane, seat, id) WHERE state = 'ready';
CREATE INDEX jobs_by_flow ON jobs (lane, flow, seat) WHERE state = 'ready';
CREATE INDEX jobs_waiting ON jobs (due_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_in_hand ON jobs (lane) WHERE state = 'waiting' AND worker_id IS NOT NULL;

-- Runs of one status in the order of their list: of the index of each, SQLite
-- takes the first and sorts, or the second and looks for a few among all.
CREATE INDEX runs_by_status_age ON runs (org_id, status, created_at, id);
DROP INDEX runs_by_status;
