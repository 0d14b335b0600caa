-- Recomputes the minutes of one slice of time from the ticks.
-- Inputs: {prefix}; {arrival} (what tells the order of arrival among ticks of one time: ctid where the rows have one,
--   since rows are appended as they arrive; time, which tells nothing, where a chunk is columnar).
--   $1 and $2 timestamptz: from (inclusive) and to (exclusive), whole minutes.
-- Output: one row: minutes with ticks, ambiguous (several prices at the first or last time), kept (ambiguous, and the
--   stored open or close is among them and stays), changed (rows written).
-- Invariants: runs under the flush lock, so that no batch comes between. A minute without ticks is not touched: its
--   ticks may have been dropped by retention. turnover is computed as turnoverMillionths() does.
WITH minutes AS MATERIALIZED (
  SELECT symbol, time_bucket(INTERVAL '1 minute', time) AS minute,
         min(time) AS open_time, max(time) AS close_time, max(price) AS high, min(price) AS low,
         sum(volume) AS volume, count(*) AS trades,
         sum(floor(price * volume::double precision * 1000000::double precision + 0.5)::text::numeric) * 0.000001 AS turnover
  FROM {prefix}_ticks
  WHERE time >= $1 AND time < $2
  GROUP BY symbol, time_bucket(INTERVAL '1 minute', time)
), openings AS (
  SELECT m.symbol, m.minute, array_agg(t.price ORDER BY t.{arrival}) AS prices
  FROM minutes AS m JOIN {prefix}_ticks AS t ON t.symbol = m.symbol AND t.time = m.open_time
  WHERE t.time >= $1 AND t.time < $2
  GROUP BY m.symbol, m.minute
), closings AS (
  SELECT m.symbol, m.minute, array_agg(t.price ORDER BY t.{arrival} DESC) AS prices
  FROM minutes AS m JOIN {prefix}_ticks AS t ON t.symbol = m.symbol AND t.time = m.close_time
  WHERE t.time >= $1 AND t.time < $2
  GROUP BY m.symbol, m.minute
), judged AS (
  SELECT m.*,
         openings.prices AS open_prices, closings.prices AS close_prices, stored.open AS stored_open, stored.close AS stored_close,
         EXISTS (SELECT FROM unnest(openings.prices) AS price WHERE price <> openings.prices[1]) AS open_ambiguous,
         EXISTS (SELECT FROM unnest(closings.prices) AS price WHERE price <> closings.prices[1]) AS close_ambiguous,
         coalesce(stored.open_time = m.open_time AND stored.open = ANY (openings.prices), false) AS open_kept,
         coalesce(stored.close_time = m.close_time AND stored.close = ANY (closings.prices), false) AS close_kept
  FROM minutes AS m
  JOIN openings USING (symbol, minute)
  JOIN closings USING (symbol, minute)
  LEFT JOIN {prefix}_bars_1m AS stored ON stored.symbol = m.symbol AND stored.time = m.minute
), written AS (
  INSERT INTO {prefix}_bars_1m AS bar
    (symbol, time, open, high, low, close, volume, trades, turnover, open_time, close_time)
  SELECT symbol, minute,
         CASE WHEN open_kept THEN stored_open ELSE open_prices[1] END, high, low,
         CASE WHEN close_kept THEN stored_close ELSE close_prices[1] END,
         volume, trades, turnover, open_time, close_time
  FROM judged
  ORDER BY symbol, minute
  ON CONFLICT (symbol, time) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
    trades = excluded.trades, turnover = excluded.turnover, open_time = excluded.open_time, close_time = excluded.close_time
  WHERE (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.turnover, bar.open_time, bar.close_time)
    IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.trades,
                      excluded.turnover, excluded.open_time, excluded.close_time)
  RETURNING 1
)
SELECT count(*)::integer AS minutes,
       count(*) FILTER (WHERE open_ambiguous OR close_ambiguous)::integer AS ambiguous,
       count(*) FILTER (WHERE (open_ambiguous OR close_ambiguous)
                          AND (open_kept OR NOT open_ambiguous) AND (close_kept OR NOT close_ambiguous))::integer AS kept,
       (SELECT count(*) FROM written)::integer AS changed
FROM judged
