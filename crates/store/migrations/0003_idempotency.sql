-- Answers kept for callers who ask again with the same Idempotency-Key.

CREATE TABLE idempotency_keys (
    org_id       TEXT   NOT NULL REFERENCES orgs (id),
    key          TEXT   NOT NULL,
    fingerprint  TEXT   NOT NULL,
    owner        TEXT   NOT NULL,
    lease_until  BIGINT NOT NULL,
    is_done      BIGINT NOT NULL,
    status       BIGINT,
    content_type TEXT,
    body         TEXT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (org_id, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
