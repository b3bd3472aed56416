-- A delivery tells the end of a run or of a batch. SQLite cannot take NOT NULL
-- from a column, so its file makes the table anew.

ALTER TABLE deliveries ALTER COLUMN run_id DROP NOT NULL;
ALTER TABLE deliveries ADD COLUMN batch_id TEXT REFERENCES batches (id);

CREATE INDEX deliveries_by_batch ON deliveries (batch_id, created_at, id)
    WHERE batch_id IS NOT NULL;
