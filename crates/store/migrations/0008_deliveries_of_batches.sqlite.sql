-- A delivery tells the end of a run or of a batch. SQLite cannot take NOT NULL
-- from a column, so the table is made anew, and with it the one that refers to
-- it: a table to which rows refer cannot be dropped.

CREATE TABLE new_deliveries (
    id                  TEXT   NOT NULL PRIMARY KEY,
    org_id              TEXT   NOT NULL REFERENCES orgs (id),
    run_id              TEXT   REFERENCES runs (id),
    callback_url        TEXT   NOT NULL,
    payload             TEXT   NOT NULL,
    is_automatic        BIGINT NOT NULL,
    status              TEXT   NOT NULL,
    failure_reason_code TEXT,
    failure_detail      TEXT,
    attempt_count       BIGINT NOT NULL,
    max_attempts        BIGINT NOT NULL,
    next_attempt_at     BIGINT,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    completed_at        BIGINT,
    batch_id            TEXT   REFERENCES batches (id)
);

INSERT INTO new_deliveries (
    id, org_id, run_id, callback_url, payload, is_automatic, status, failure_reason_code,
    failure_detail, attempt_count, max_attempts, next_attempt_at, created_at, updated_at, completed_at
)
SELECT
    id, org_id, run_id, callback_url, payload, is_automatic, status, failure_reason_code,
    failure_detail, attempt_count, max_attempts, next_attempt_at, created_at, updated_at, completed_at
FROM deliveries;

CREATE TABLE new_delivery_attempts (
    id               TEXT   NOT NULL PRIMARY KEY,
    org_id           TEXT   NOT NULL REFERENCES orgs (id),
    delivery_id      TEXT   NOT NULL REFERENCES new_deliveries (id),
    attempt_number   BIGINT NOT NULL,
    status_code      BIGINT,
    response_body    TEXT,
    response_time_ms BIGINT,
    error_message    TEXT,
    created_at       BIGINT NOT NULL,
    UNIQUE (delivery_id, attempt_number)
);

INSERT INTO new_delivery_attempts (
    id, org_id, delivery_id, attempt_number, status_code, response_body, response_time_ms,
    error_message, created_at
)
SELECT
    id, org_id, delivery_id, attempt_number, status_code, response_body, response_time_ms,
    error_message, created_at
FROM delivery_attempts;

DROP TABLE delivery_attempts;
DROP TABLE deliveries;
-- What refers to the table is renamed with it.
ALTER TABLE new_deliveries RENAME TO deliveries;
ALTER TABLE new_delivery_attempts RENAME TO delivery_attempts;

CREATE INDEX deliveries_by_run ON deliveries (run_id, created_at, id);
CREATE INDEX deliveries_by_batch ON deliveries (batch_id, created_at, id)
    WHERE batch_id IS NOT NULL;
