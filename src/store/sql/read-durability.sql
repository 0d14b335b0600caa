-- Settings and rights on which the promise rests, as this session has them. Output: one row.
-- lacking_rights: TABLE:RIGHT for each right that the session's user lacks.
SELECT current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       pg_is_in_recovery() AS in_recovery,
       (SELECT relpersistence = 'u' FROM pg_class WHERE oid = '{prefix}_ticks'::regclass) AS unlogged,
       (SELECT EXISTS (SELECT FROM timescaledb_information.hypertables
                       WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = '{prefix}_ticks'::regclass)) AS is_hypertable,
       array(SELECT name || ':' || privilege
             FROM unnest(ARRAY['{prefix}_ticks', '{prefix}_ticks_rejected', '{prefix}_feed_gaps',
                               '{prefix}_feed_watermarks', '{prefix}_bars_1m']) AS name,
                  unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
             WHERE (privilege IN ('SELECT', 'INSERT') OR name IN ('{prefix}_feed_watermarks', '{prefix}_bars_1m'))
               AND NOT (privilege = 'DELETE' AND name = '{prefix}_bars_1m')
               AND NOT has_table_privilege(name, privilege)
             ORDER BY 1) AS lacking_rights
