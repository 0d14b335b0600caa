-- Days of the ticks in a range, each within one chunk. Inputs: {prefix}; $1 and $2 timestamptz or NULL for no bound.
-- Output: a row a slice, in the order of time, whole minutes; columnar: its rows may have no ctid of their own.
SELECT greatest(day, range_start, $1::timestamptz)::text AS slice_start,
       least(day + INTERVAL '24 hours', range_end, $2::timestamptz)::text AS slice_end,
       coalesce(is_compressed, false) AS columnar
FROM timescaledb_information.chunks AS chunk
CROSS JOIN LATERAL generate_series(range_start, range_end - INTERVAL '1 microsecond', INTERVAL '24 hours') AS day
WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = '{prefix}_ticks'::regclass
  AND ($1::timestamptz IS NULL OR least(day + INTERVAL '24 hours', range_end) > $1)
  AND ($2::timestamptz IS NULL OR greatest(day, range_start) < $2)
ORDER BY day
