-- Deliveries are taken by another part than runs, many at a time and by their
-- receivers: they are ready in a state of their own, so that neither looks
-- through the other's.

-- Their lanes are receivers from now on; those in one lane for all wait for a
-- moment and are then ready in the new way.
UPDATE jobs SET state = 'waiting' WHERE kind = 'attempt_delivery' AND state = 'ready';

CREATE INDEX jobs_deliverable ON jobs (lane, seat, id) WHERE state = 'deliverable';
CREATE INDEX jobs_deliverable_by_flow ON jobs (lane, flow, seat) WHERE state = 'deliverable';
