-- Batches: runs of one model that were asked for at once. An item is a run with
-- its place beside it.

CREATE TABLE batches (
    id              TEXT   NOT NULL PRIMARY KEY,
    org_id          TEXT   NOT NULL REFERENCES orgs (id),
    model_id        TEXT   NOT NULL,
    model           TEXT   NOT NULL,
    status          TEXT   NOT NULL,
    source          TEXT   NOT NULL,
    items_total     BIGINT NOT NULL,
    -- How the items that have ended did; written with each end.
    items_succeeded BIGINT NOT NULL,
    items_failed    BIGINT NOT NULL,
    items_cancelled BIGINT NOT NULL,
    -- Why it failed: all three are set, or none.
    failure_code    TEXT,
    failure_stage   TEXT,
    failure_message TEXT,
    request_id      TEXT,
    created_by      TEXT,
    created_at      BIGINT NOT NULL,
    started_at      BIGINT,
    completed_at    BIGINT,
    callback_url    TEXT,
    metadata        TEXT
);

CREATE INDEX batches_by_org ON batches (org_id, created_at, id);

-- Both are set, or none. Runs of a batch are made in one instant with ascending
-- ids, so this order is that of the items too.
ALTER TABLE runs ADD COLUMN batch_id TEXT REFERENCES batches (id);
ALTER TABLE runs ADD COLUMN batch_index BIGINT;

CREATE INDEX runs_by_batch ON runs (org_id, batch_id, created_at, id)
    WHERE batch_id IS NOT NULL;
