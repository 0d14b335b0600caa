-- The ticks: one row a tick, append-only.
-- Input: {prefix} (table prefix).
-- Invariants: no unique index, because two real trades can be equal in all four columns; exactly-once is the
--   watermark's work (002). Symbols compare bytewise (COLLATE "C"): the index is several times cheaper to feed than
--   with a language's sort order.
-- A table that exists already (made by another program) is kept with its rows and becomes a hypertable.
CREATE TABLE IF NOT EXISTS {prefix}_ticks (
  time   timestamptz      NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  price  double precision NOT NULL,
  volume bigint           NOT NULL
);

SELECT create_hypertable(
  '{prefix}_ticks', 'time',
  chunk_time_interval => INTERVAL '1 day',
  create_default_indexes => false,
  if_not_exists => true,
  migrate_data => true
);

-- Another program's index on (symbol, time), in either direction, does the same work: a second one would only
-- slow every write.
DO $do$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_index AS i
    JOIN pg_attribute AS first_column ON first_column.attrelid = i.indrelid AND first_column.attnum = i.indkey[0]
    JOIN pg_attribute AS second_column ON second_column.attrelid = i.indrelid AND second_column.attnum = i.indkey[1]
    WHERE i.indrelid = '{prefix}_ticks'::regclass AND i.indisvalid AND i.indpred IS NULL
      AND first_column.attname = 'symbol' AND second_column.attname = 'time'
  ) THEN
    CREATE INDEX {prefix}_ticks_symbol_time_idx ON {prefix}_ticks (symbol, time);
  END IF;
END
$do$;
