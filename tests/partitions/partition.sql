-- Partitions the tables that go with a person, by the hash of that person, on one PostgreSQL. What
-- knows an item and not its owner is partitioned by the item. For trying out: it copies whole tables
-- while nobody else may use them, and servers do not know of it.

\set ON_ERROR_STOP on
BEGIN;

-- Replaces a table by one with partitions by the hash of a column, and this primary key.
CREATE FUNCTION pg_temp.partition(name text, by text, key text, partitions int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    again text[];
    statement text;
    has_ids bool;
BEGIN
    SELECT coalesce(array_agg(pg_get_indexdef(indexrelid)), '{}') INTO again
    FROM pg_index WHERE indrelid = name::regclass AND NOT indisprimary;
    SELECT again || coalesce(array_agg(format(
        'ALTER TABLE %I ADD CONSTRAINT %I %s', name, conname, pg_get_constraintdef(oid))), '{}')
    INTO again FROM pg_constraint WHERE conrelid = name::regclass AND contype = 'f';
    SELECT count(*) = 1 INTO has_ids
    FROM pg_attribute WHERE attrelid = name::regclass AND attname = 'id' AND attidentity <> '';
    FOR statement IN
        SELECT format('%s of %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE confrelid = name::regclass AND contype = 'f'
    LOOP
        RAISE NOTICE 'is lost: %', statement;
    END LOOP;

    EXECUTE format('ALTER TABLE %I RENAME TO whole', name);
    EXECUTE format('CREATE TABLE %I (LIKE whole INCLUDING DEFAULTS) PARTITION BY HASH (%I)', name, by);
    FOR part IN 0 .. partitions - 1 LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
            name || '_' || part, name, partitions, part);
    END LOOP;
    EXECUTE format('INSERT INTO %I SELECT * FROM whole', name);
    -- Identity columns of partitioned tables came with PostgreSQL 17.
    IF has_ids THEN
        EXECUTE format('CREATE SEQUENCE %I OWNED BY %I.id', name || '_ids', name);
        EXECUTE format(
            'SELECT setval(%L, (SELECT coalesce(max(id), 0) + 1 FROM whole), false)', name || '_ids');
        EXECUTE format(
            'ALTER TABLE %I ALTER COLUMN id SET DEFAULT nextval(%L)', name, name || '_ids');
    END IF;
    DROP TABLE whole CASCADE;
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (%s)', name, key);
    FOREACH statement IN ARRAY again LOOP
        EXECUTE statement;
    END LOOP;
END $$;

SELECT pg_temp.partition('inbox', 'user_id', 'user_id', :partitions);
SELECT pg_temp.partition('inbox_item', 'user_id', 'id, user_id', :partitions);
SELECT pg_temp.partition('message_recipient', 'user_id', 'message_id, user_id, audience_id', :partitions);
SELECT pg_temp.partition('thread_mute', 'user_id', 'root_id, user_id', :partitions);
SELECT pg_temp.partition('announcement_reading', 'user_id', 'announcement_id, user_id', :partitions);
SELECT pg_temp.partition('subscription', 'user_id', 'id, user_id', :partitions);
SELECT pg_temp.partition('subscription_config', 'user_id', 'id, user_id', :partitions);
SELECT pg_temp.partition('inbox_undo', 'item_id', 'item_id', :partitions);
SELECT pg_temp.partition('inbox_item_activity', 'item_id', 'item_id, activity_id', :partitions);
SELECT pg_temp.partition('inbox_item_actor', 'item_id', 'item_id, actor_id', :partitions);

COMMIT;
