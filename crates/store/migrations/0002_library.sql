-- Folders, and lists of assets that cost the same at any length.

CREATE TABLE folders (
    id         TEXT   NOT NULL PRIMARY KEY,
    org_id     TEXT   NOT NULL REFERENCES orgs (id),
    parent_id  TEXT,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    deleted_by TEXT
);

-- A name is unique among its siblings; a deleted folder gives its name free.
CREATE UNIQUE INDEX folders_siblings ON folders (org_id, COALESCE(parent_id, ''), name)
    WHERE deleted_at IS NULL;
CREATE INDEX folders_by_org ON folders (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX folders_by_parent ON folders (org_id, parent_id, created_at, id)
    WHERE deleted_at IS NULL;

CREATE INDEX assets_by_org ON assets (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX assets_by_folder ON assets (org_id, folder_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX assets_by_type ON assets (org_id, asset_type, created_at, id)
    WHERE deleted_at IS NULL;
-- Both at once: of the two above SQLite takes the second, and a small folder
-- would be looked for among all pictures.
CREATE INDEX assets_by_folder_type ON assets (org_id, folder_id, asset_type, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX assets_by_name ON assets (org_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX assets_by_size ON assets (org_id, size_bytes, id) WHERE deleted_at IS NULL;
CREATE INDEX assets_by_update ON assets (org_id, updated_at, id) WHERE deleted_at IS NULL;

-- What sweeps look for.
CREATE INDEX assets_by_deletion ON assets (deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX uploads_by_expiry ON uploads (expires_at, asset_id) WHERE confirmed_at IS NULL;
