-- The chunk of the ticks that holds a time, where rows may be copied into it directly. Input: $1 microseconds since 1970.
-- Output: one row {chunk, from_micros, to_micros (exclusive)}, or none: where there is no such chunk yet, and wherever
--   a copy into the hypertable would do more than one into the chunk: another edition than Apache (compressed chunks),
--   a second dimension, triggers of the statement, row security, rights on the hypertable alone.
-- Invariant: the chunk's own CHECK on its time range refuses rows that do not belong into it.
SELECT format('%I.%I', c.chunk_schema, c.chunk_name) AS chunk,
       (extract(epoch FROM c.range_start) * 1000000)::bigint AS from_micros,
       (extract(epoch FROM c.range_end) * 1000000)::bigint AS to_micros
FROM pg_class AS t
JOIN pg_namespace AS n ON n.oid = t.relnamespace
JOIN timescaledb_information.chunks AS c ON c.hypertable_schema = n.nspname AND c.hypertable_name = t.relname
WHERE t.oid = '{prefix}_ticks'::regclass
  AND c.range_start <= timestamptz 'epoch' + $1::bigint * INTERVAL '1 microsecond'
  AND c.range_end > timestamptz 'epoch' + $1::bigint * INTERVAL '1 microsecond'
  AND current_setting('timescaledb.license', true) = 'apache'
  AND NOT t.relrowsecurity
  AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal AND tgtype & 1 = 0)
  AND 1 = (SELECT count(*) FROM timescaledb_information.dimensions AS d
           WHERE d.hypertable_schema = n.nspname AND d.hypertable_name = t.relname)
  AND has_schema_privilege(c.chunk_schema::text, 'USAGE')
  AND has_table_privilege(format('%I.%I', c.chunk_schema, c.chunk_name), 'INSERT')
