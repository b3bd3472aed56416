-- Webhooks: where an organization hears of what happens in it. A delivery goes
-- to the callback of a run, of a batch, or to a webhook.

CREATE TABLE webhooks (
    id                 TEXT   NOT NULL PRIMARY KEY,
    org_id             TEXT   NOT NULL REFERENCES orgs (id),
    name               TEXT,
    url                TEXT   NOT NULL,
    -- Words separated by single spaces; none for all there are.
    event_types        TEXT   NOT NULL,
    -- The secret, encrypted with a key that is not in the database; empty once
    -- the webhook is deleted.
    sealed             TEXT   NOT NULL,
    secret_fingerprint TEXT   NOT NULL,
    created_by         TEXT,
    disabled_at        BIGINT,
    disabled_reason    TEXT,
    last_triggered_at  BIGINT,
    -- The first failure since the last success.
    failing_since      BIGINT,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    -- The row stays for the deliveries that name it.
    deleted_at         BIGINT
);

CREATE INDEX webhooks_by_org ON webhooks (org_id, created_at, id) WHERE deleted_at IS NULL;
-- Asked in each transaction in which something happens that a webhook may hear of.
CREATE INDEX webhooks_live ON webhooks (org_id)
    WHERE deleted_at IS NULL AND disabled_at IS NULL;

-- Both are set, or none; run_id and batch_id are null then, so that a process of
-- the release before does not take the delivery for one to a callback.
ALTER TABLE deliveries ADD COLUMN webhook_id TEXT REFERENCES webhooks (id);
ALTER TABLE deliveries ADD COLUMN event_type_code TEXT;
-- The first delivery of the event, when a person had it sent again.
ALTER TABLE deliveries ADD COLUMN redelivery_of TEXT;

CREATE INDEX deliveries_by_webhook ON deliveries (org_id, webhook_id, created_at, id)
    WHERE webhook_id IS NOT NULL;
CREATE INDEX deliveries_of_webhooks ON deliveries (org_id, created_at, id)
    WHERE webhook_id IS NOT NULL;
-- What ends with its webhook.
CREATE INDEX deliveries_pending_by_webhook ON deliveries (org_id, webhook_id)
    WHERE webhook_id IS NOT NULL AND status = 'pending';
CREATE INDEX deliveries_again ON deliveries (redelivery_of) WHERE redelivery_of IS NOT NULL;

-- The deletion of many at once by which an asset went, where webhooks are to hear
-- of each.
ALTER TABLE assets ADD COLUMN deletion_id TEXT;

CREATE INDEX assets_by_deletion_id ON assets (deletion_id, id) WHERE deletion_id IS NOT NULL;
