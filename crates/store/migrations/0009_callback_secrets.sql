-- What signs callbacks, and with which secret a delivery was signed last.

CREATE TABLE callback_secrets (
    id           TEXT   NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL REFERENCES orgs (id),
    key_prefix   TEXT   NOT NULL,
    label        TEXT,
    -- 1 for the one that makes Runflow-Signature.
    is_current   BIGINT NOT NULL,
    -- The secret, encrypted with a key that is not in the database.
    sealed       TEXT   NOT NULL,
    created_by   TEXT,
    disabled_at  BIGINT,
    last_used_at BIGINT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);

CREATE INDEX callback_secrets_by_org ON callback_secrets (org_id, created_at, id);
CREATE UNIQUE INDEX callback_secrets_current ON callback_secrets (org_id) WHERE is_current = 1;

ALTER TABLE deliveries ADD COLUMN signing_secret_id TEXT;
