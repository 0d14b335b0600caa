-- Community edition only (timescaledb.license = 'timescale', 2.18 or later): older chunks become columnar.
-- Input: {prefix}.
-- segmentby symbol, orderby time: a query for one symbol reads one segment. Two days after: the running session and
--   late ticks of the day before are written to the row store.
ALTER TABLE {prefix}_ticks SET (
  timescaledb.enable_columnstore = true,
  timescaledb.segmentby = 'symbol',
  timescaledb.orderby = 'time'
);
CALL add_columnstore_policy('{prefix}_ticks', after => INTERVAL '2 days', if_not_exists => true);
