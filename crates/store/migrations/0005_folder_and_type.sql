-- Assets of one folder and one type at once. Of the index of each SQLite takes
-- the second, and a small folder would be looked for among all pictures.

CREATE INDEX assets_by_folder_type ON assets (org_id, folder_id, asset_type, created_at, id)
    WHERE deleted_at IS NULL;
