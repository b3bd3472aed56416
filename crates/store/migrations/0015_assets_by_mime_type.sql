-- Lists of one type of file, such as `image/heic`. The index of kinds serves a list
-- of all pictures; the few of one type were looked for among them.
--
-- Three seconds at most for a million assets, in which nobody writes to them.

CREATE INDEX assets_by_mime_type ON assets (org_id, mime_type, created_at, id)
    WHERE deleted_at IS NULL;
