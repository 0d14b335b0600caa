-- Every one-minute bar from a minute on, of all symbols.
-- Inputs: {prefix}. $1 bigint: first minute, microseconds since the epoch.
-- Output: the columns of read-bars.sql, sorted by time and symbol.
SELECT symbol, (extract(epoch FROM time) * 1000000)::bigint, open, high, low, close, volume, trades,
  turnover * 1000000,
  (extract(epoch FROM open_time) * 1000000)::bigint, (extract(epoch FROM close_time) * 1000000)::bigint
FROM {prefix}_bars_1m
WHERE time >= timestamptz 'epoch' + $1::bigint * INTERVAL '1 microsecond'
ORDER BY time, symbol
