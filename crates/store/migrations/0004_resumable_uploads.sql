-- Uploads whose bytes arrive in pieces: one row beside the session of each.

CREATE TABLE resumable_uploads (
    asset_id     TEXT   NOT NULL PRIMARY KEY REFERENCES uploads (asset_id) ON DELETE CASCADE,
    org_id       TEXT   NOT NULL REFERENCES orgs (id),
    offset_bytes BIGINT NOT NULL,
    -- What the storage needs to go on; null before the first byte and after the last.
    progress     TEXT,
    -- Grows with every change: who changes the row names the one that was read.
    version      BIGINT NOT NULL
);
