-- One row a symbol for one day. Inputs: {prefix}; $1 the day, or NULL for the last one with ticks; $2 its time zone.
-- Output: the day and its bounds in microseconds; the symbol; [close, its time] before that day, NULL for a new symbol;
--   [open, high, low, close, time of the close, volume, trades, turnover in millionths] of the day, NULL without trades.
-- Turnover stays numeric, since the millionths of one valid tick overflow a bigint (10^12 x 10^12 x 10^6).
-- The symbols come from the primary key walked backwards, one step a symbol, as in the view {prefix}_last; their
-- bars of the day are one range of that key each.
WITH RECURSIVE last_bar AS (
  (SELECT symbol, time FROM {prefix}_bars_1m ORDER BY symbol DESC, time DESC LIMIT 1)
  UNION ALL
  SELECT earlier.symbol, earlier.time
  FROM last_bar
  CROSS JOIN LATERAL (
    SELECT b.symbol, b.time FROM {prefix}_bars_1m AS b
    WHERE b.symbol < last_bar.symbol ORDER BY b.symbol DESC, b.time DESC LIMIT 1
  ) AS earlier
), day AS MATERIALIZED (
  SELECT start, start AT TIME ZONE $2 AS begins, (start + INTERVAL '1 day') AT TIME ZONE $2 AS ends
  FROM (SELECT coalesce($1::date, (max(time) AT TIME ZONE $2)::date)::timestamp AS start FROM last_bar) AS midnight
)
SELECT to_char(day.start, 'YYYY-MM-DD'),
       (extract(epoch FROM day.begins) * 1000000)::bigint, (extract(epoch FROM day.ends) * 1000000)::bigint,
       last_bar.symbol,
       CASE WHEN before.close IS NOT NULL
            THEN json_build_array(before.close, (extract(epoch FROM before.close_time) * 1000000)::bigint) END,
       CASE WHEN today.close IS NOT NULL
            THEN json_build_array(today.open, today.high, today.low, today.close,
                                  (extract(epoch FROM today.close_time) * 1000000)::bigint,
                                  today.volume, today.trades, today.turnover * 1000000) END
FROM last_bar
CROSS JOIN day
LEFT JOIN LATERAL (
  SELECT b.close, b.close_time FROM {prefix}_bars_1m AS b
  WHERE b.symbol = last_bar.symbol AND b.time < day.begins ORDER BY b.time DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
  SELECT first(b.open, b.time) AS open, max(b.high) AS high, min(b.low) AS low, last(b.close, b.time) AS close,
         max(b.close_time) AS close_time, sum(b.volume) AS volume, sum(b.trades) AS trades, sum(b.turnover) AS turnover
  FROM {prefix}_bars_1m AS b
  WHERE b.symbol = last_bar.symbol AND b.time >= day.begins AND b.time < day.ends
) AS today ON true
WHERE before.close IS NOT NULL OR today.close IS NOT NULL
ORDER BY last_bar.symbol
