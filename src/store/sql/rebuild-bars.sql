-- Recomputes the minutes of one slice of time from the ticks.
-- Inputs: {prefix}; {arrival} (the column that orders ticks of one time by arrival: ctid where the rows have one,
--   since rows are appended as they arrive; time, which orders nothing, where a chunk is columnar).
--   $1 and $2 timestamptz: from (inclusive) and to (exclusive), whole minutes.
-- Output: one row: minutes with ticks, ambiguous (several prices at the first or last time), kept (ambiguous, and the
--   stored open or close is among them and stays), changed (rows written).
-- Invariants: runs while the ticks are locked against writers, so that no batch comes between. A minute without ticks
--   is not touched: its ticks may have been dropped by retention. turnover is computed as turnoverMillionths() does
--   and summed exactly, as in bar-builder.ts: a whole double up to 2^53 by a bigint, a larger one by two halves whose
--   texts are exact (its own has 17 digits, and a cast from double precision to numeric keeps 15).
-- No table is joined to itself: without statistics, as after a backfill, such a join is planned for a handful of rows
--   and takes hours for a day of them.
WITH ticks AS (
  SELECT symbol, time_bucket(INTERVAL '1 minute', time) AS minute, time, price, volume, {arrival} AS arrival,
         floor(price * volume::double precision * 1000000::double precision + 0.5) AS millionths,
         min(time) OVER of_minute AS open_time, max(time) OVER of_minute AS close_time
  FROM {prefix}_ticks
  WHERE time >= $1 AND time < $2
  WINDOW of_minute AS (PARTITION BY symbol, time_bucket(INTERVAL '1 minute', time))
), minutes AS (
  SELECT symbol, minute, min(time) AS open_time, max(time) AS close_time, max(price) AS high, min(price) AS low,
         sum(volume) AS volume, count(*) AS trades,
         sum(CASE WHEN millionths BETWEEN 0 AND 9007199254740992 THEN millionths::bigint::numeric
                  ELSE floor(millionths / 1125899906842624)::text::numeric * 1125899906842624
                       + (millionths - floor(millionths / 1125899906842624) * 1125899906842624)::text::numeric
             END) * 0.000001 AS turnover,
         array_agg(price ORDER BY arrival) FILTER (WHERE time = open_time) AS open_prices,
         array_agg(price ORDER BY arrival DESC) FILTER (WHERE time = close_time) AS close_prices
  FROM ticks
  GROUP BY symbol, minute
), compared AS (
  SELECT m.*, stored.open AS stored_open, stored.close AS stored_close,
         m.open_prices[1] <> ANY (m.open_prices) AS open_ambiguous,
         m.close_prices[1] <> ANY (m.close_prices) AS close_ambiguous,
         coalesce(stored.open_time = m.open_time AND stored.open = ANY (m.open_prices), false) AS open_kept,
         coalesce(stored.close_time = m.close_time AND stored.close = ANY (m.close_prices), false) AS close_kept
  FROM minutes AS m
  LEFT JOIN {prefix}_bars_1m AS stored ON stored.symbol = m.symbol AND stored.time = m.minute
    AND stored.time >= $1 AND stored.time < $2
), written AS (
  INSERT INTO {prefix}_bars_1m AS bar
    (symbol, time, open, high, low, close, volume, trades, turnover, open_time, close_time)
  SELECT symbol, minute,
         CASE WHEN open_kept THEN stored_open ELSE open_prices[1] END, high, low,
         CASE WHEN close_kept THEN stored_close ELSE close_prices[1] END,
         volume, trades, turnover, open_time, close_time
  FROM compared
  ORDER BY symbol, minute
  ON CONFLICT (symbol, time) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
    trades = excluded.trades, turnover = excluded.turnover, open_time = excluded.open_time, close_time = excluded.close_time
  WHERE (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.turnover, bar.open_time, bar.close_time)
    IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.trades,
                      excluded.turnover, excluded.open_time, excluded.close_time)
  RETURNING 1
)
SELECT count(*)::double precision AS minutes,
       count(*) FILTER (WHERE open_ambiguous OR close_ambiguous)::double precision AS ambiguous,
       count(*) FILTER (WHERE (open_ambiguous OR close_ambiguous)
                          AND (open_kept OR NOT open_ambiguous) AND (close_kept OR NOT close_ambiguous))::double precision AS kept,
       (SELECT count(*) FROM written)::double precision AS changed
FROM compared
