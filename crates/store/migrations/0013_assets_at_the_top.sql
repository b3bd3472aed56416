-- Assets that lie in no folder have indexes of their own. PostgreSQL finds them in
-- the indexes of folders as well, and then does not know that what it finds there
-- is in the order of the list: it sorted all of them for a page.
--
-- What lies in no folder is no longer in the indexes of folders, so that an asset
-- stands in as many as before. The same for folders and their parents. The indexes are
-- made anew: ten seconds for a million assets, in which nobody writes to them.

DROP INDEX assets_by_folder;
DROP INDEX assets_by_folder_type;
DROP INDEX folders_by_parent;

CREATE INDEX assets_by_folder ON assets (org_id, folder_id, created_at, id)
    WHERE deleted_at IS NULL AND folder_id IS NOT NULL;
CREATE INDEX assets_by_folder_type ON assets (org_id, folder_id, asset_type, created_at, id)
    WHERE deleted_at IS NULL AND folder_id IS NOT NULL;
CREATE INDEX assets_at_top ON assets (org_id, created_at, id)
    WHERE deleted_at IS NULL AND folder_id IS NULL;
CREATE INDEX assets_at_top_by_type ON assets (org_id, asset_type, created_at, id)
    WHERE deleted_at IS NULL AND folder_id IS NULL;

CREATE INDEX folders_by_parent ON folders (org_id, parent_id, created_at, id)
    WHERE deleted_at IS NULL AND parent_id IS NOT NULL;
CREATE INDEX folders_at_top ON folders (org_id, created_at, id)
    WHERE deleted_at IS NULL AND parent_id IS NULL;
