-- What else a file says of itself. Assets of before keep both empty: their files
-- are not looked at again.

ALTER TABLE assets ADD COLUMN codec TEXT;
ALTER TABLE assets ADD COLUMN frames BIGINT;
