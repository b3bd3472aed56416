-- Text is compared by its bytes, as SQLite does, and no longer by the locale that
-- the database happens to have: there `a` may come before `B`, and `-a` beside `a`,
-- so that lists, filters and cursors meant something else, and what a new libc or
-- ICU thinks of an order spoils the indexes. Databases made since are so from the
-- beginning (see README.md), and this finds nothing in them.
--
-- Rows stay as they are; the indexes are made anew, each once, and foreign keys are
-- not looked through again. It takes about three seconds for each index of a million
-- rows (half a minute for a million assets on two busy cores), and room for a second
-- copy of the indexes, in the log too. Nobody can use the tables meanwhile. They are
-- taken at the beginning, about in the order in which the program takes their rows.
--
-- Processes of before have to be stopped: what they have prepared fails from then on
-- ("cached plan must not change result type"), and one that is at work may be in a
-- deadlock with this, which ends one of the two.
DO $$
DECLARE
    tables CONSTANT text[] := ARRAY[
        'idempotency_keys', 'orgs', 'api_keys', 'callback_secrets', 'webhooks', 'folders', 'jobs',
        'runs', 'run_logs', 'batches', 'uploads', 'resumable_uploads', 'assets', 'deliveries',
        'delivery_attempts', 'settings', 'schema_migrations'
    ];
    named   text;
    changes text;
BEGIN
    EXECUTE 'LOCK TABLE ' || array_to_string(tables, ', ');
    FOR named, changes IN
        SELECT attrelid::regclass, string_agg(format('ALTER COLUMN %I TYPE text COLLATE "C"', attname), ', ')
        FROM pg_attribute
        WHERE attrelid = ANY (tables::regclass[]) AND attnum > 0 AND NOT attisdropped
            AND atttypid = 'text'::regtype AND attcollation <> 'pg_catalog."C"'::regcollation
        GROUP BY attrelid
    LOOP
        -- All columns of a table in one statement, which makes each index once.
        EXECUTE format('ALTER TABLE %s %s', named, changes);
        -- With the order goes what was known of the values, and the plans with that.
        -- A table that is empty is better not known as such: it is about to grow.
        IF (SELECT reltuples > 0 FROM pg_class WHERE oid = named::regclass) THEN
            EXECUTE format('ANALYZE %s', named);
        END IF;
    END LOOP;
END
$$;
