-- What the bytes of a thumbnail are, by which whoever reads it sees whether a loss of
-- power has left it whole. Thumbnails of before have none: the disk had them before
-- their assets were.

ALTER TABLE assets ADD COLUMN thumbnail_crc32 BIGINT;
