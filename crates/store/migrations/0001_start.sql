-- Organizations, keys, uploads, assets, runs, callbacks, background jobs.
-- Read README.md before adding a file here: it also says why every column is
-- TEXT or BIGINT.

CREATE TABLE orgs (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    slug       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    org_id     TEXT   NOT NULL REFERENCES orgs (id),
    name       TEXT   NOT NULL,
    prefix     TEXT   NOT NULL,
    hash       TEXT   NOT NULL UNIQUE,
    -- Words separated by single spaces.
    scopes     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE INDEX api_keys_by_org ON api_keys (org_id, created_at, id);

CREATE TABLE uploads (
    asset_id            TEXT   NOT NULL PRIMARY KEY,
    org_id              TEXT   NOT NULL REFERENCES orgs (id),
    filename            TEXT   NOT NULL,
    mime_type           TEXT   NOT NULL,
    size_bytes          BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    created_by          TEXT,
    created_at          BIGINT NOT NULL,
    -- The last complete body: all three are set, or none.
    received_key        TEXT,
    received_size_bytes BIGINT,
    received_sha256     TEXT,
    confirmed_at        BIGINT
);

CREATE TABLE assets (
    id            TEXT   NOT NULL PRIMARY KEY,
    org_id        TEXT   NOT NULL REFERENCES orgs (id),
    folder_id     TEXT,
    name          TEXT   NOT NULL,
    storage_key   TEXT   NOT NULL,
    thumbnail_key TEXT,
    mime_type     TEXT   NOT NULL,
    size_bytes    BIGINT NOT NULL,
    asset_type    TEXT   NOT NULL,
    source_type   TEXT   NOT NULL,
    source_id     TEXT,
    created_by    TEXT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    deleted_at    BIGINT,
    deleted_by    TEXT,
    width         BIGINT,
    height        BIGINT,
    duration_ms   BIGINT,
    sha256        TEXT,
    blurhash      TEXT,
    metadata      TEXT
);

CREATE TABLE runs (
    id                  TEXT   NOT NULL PRIMARY KEY,
    org_id              TEXT   NOT NULL REFERENCES orgs (id),
    model_id            TEXT   NOT NULL,
    model               TEXT   NOT NULL,
    model_version       TEXT   NOT NULL,
    status              TEXT   NOT NULL,
    source              TEXT   NOT NULL,
    input               TEXT   NOT NULL,
    output              TEXT,
    -- Why it failed: all three are set, or none.
    failure_code        TEXT,
    failure_stage       TEXT,
    failure_message     TEXT,
    -- From 0 to 1,000,000.
    progress_millionths BIGINT,
    client_ref          TEXT,
    request_id          TEXT,
    created_by          TEXT,
    created_at          BIGINT NOT NULL,
    started_at          BIGINT,
    completed_at        BIGINT,
    callback_url        TEXT,
    metadata            TEXT,
    -- Lines of its log, which is also the sequence of the last one.
    log_lines           BIGINT NOT NULL
);

CREATE INDEX runs_by_org ON runs (org_id, created_at, id);
CREATE INDEX runs_by_status ON runs (org_id, status);

CREATE TABLE run_logs (
    id         TEXT   NOT NULL PRIMARY KEY,
    org_id     TEXT   NOT NULL REFERENCES orgs (id),
    run_id     TEXT   NOT NULL REFERENCES runs (id),
    sequence   BIGINT NOT NULL,
    level      TEXT   NOT NULL,
    message    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (run_id, sequence)
);

CREATE TABLE deliveries (
    id                  TEXT   NOT NULL PRIMARY KEY,
    org_id              TEXT   NOT NULL REFERENCES orgs (id),
    run_id              TEXT   NOT NULL REFERENCES runs (id),
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
    completed_at        BIGINT
);

CREATE INDEX deliveries_by_run ON deliveries (run_id, created_at, id);

CREATE TABLE delivery_attempts (
    id               TEXT   NOT NULL PRIMARY KEY,
    org_id           TEXT   NOT NULL REFERENCES orgs (id),
    delivery_id      TEXT   NOT NULL REFERENCES deliveries (id),
    attempt_number   BIGINT NOT NULL,
    status_code      BIGINT,
    response_body    TEXT,
    response_time_ms BIGINT,
    error_message    TEXT,
    created_at       BIGINT NOT NULL,
    UNIQUE (delivery_id, attempt_number)
);

CREATE TABLE jobs (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    payload      TEXT   NOT NULL,
    -- -1 low, 0 normal, 1 high.
    priority     BIGINT NOT NULL,
    -- When a worker may next take it. For a job that a worker holds, this is
    -- the end of the lease: from then on another may take it.
    due_at       BIGINT NOT NULL,
    worker_id    TEXT,
    attempts     BIGINT NOT NULL,
    first_due_at BIGINT NOT NULL
);

CREATE INDEX jobs_by_due ON jobs (priority, due_at, id);

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
