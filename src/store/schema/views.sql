-- Views, made again by setup-db whenever this text or the zone has changed.
-- Inputs: {prefix}; {zone} (the time zone of a trading day, a quoted literal).
-- A bar's time is where its bucket begins. In the minutes each (symbol, time) is there once, so that first and last
-- have no ties to break.

CREATE OR REPLACE VIEW {prefix}_bars_5m AS
SELECT symbol, time_bucket(INTERVAL '5 minutes', time) AS time,
       first(open, time) AS open, max(high) AS high, min(low) AS low, last(close, time) AS close,
       sum(volume) AS volume, sum(trades)::bigint AS trades, sum(turnover) AS turnover,
       min(open_time) AS open_time, max(close_time) AS close_time
FROM {prefix}_bars_1m
GROUP BY symbol, time_bucket(INTERVAL '5 minutes', time);

CREATE OR REPLACE VIEW {prefix}_bars_15m AS
SELECT symbol, time_bucket(INTERVAL '15 minutes', time) AS time,
       first(open, time) AS open, max(high) AS high, min(low) AS low, last(close, time) AS close,
       sum(volume) AS volume, sum(trades)::bigint AS trades, sum(turnover) AS turnover,
       min(open_time) AS open_time, max(close_time) AS close_time
FROM {prefix}_bars_1m
GROUP BY symbol, time_bucket(INTERVAL '15 minutes', time);

CREATE OR REPLACE VIEW {prefix}_bars_1h AS
SELECT symbol, time_bucket(INTERVAL '1 hour', time) AS time,
       first(open, time) AS open, max(high) AS high, min(low) AS low, last(close, time) AS close,
       sum(volume) AS volume, sum(trades)::bigint AS trades, sum(turnover) AS turnover,
       min(open_time) AS open_time, max(close_time) AS close_time
FROM {prefix}_bars_1m
GROUP BY symbol, time_bucket(INTERVAL '1 hour', time);

-- A day begins at midnight of the zone, 23 to 25 hours before the next.
CREATE OR REPLACE VIEW {prefix}_bars_1d AS
SELECT symbol, time_bucket(INTERVAL '1 day', time, {zone}) AS time,
       first(open, time) AS open, max(high) AS high, min(low) AS low, last(close, time) AS close,
       sum(volume) AS volume, sum(trades)::bigint AS trades, sum(turnover) AS turnover,
       min(open_time) AS open_time, max(close_time) AS close_time
FROM {prefix}_bars_1m
GROUP BY symbol, time_bucket(INTERVAL '1 day', time, {zone});

-- The last tick of each symbol. The symbols come from the bars' primary key, walked backwards: one step a symbol
-- gives the symbol and its last bar. The tick with the greatest time wins; of several at that time, one that agrees
-- with the bar's close, which knows the order of arrival. volume is NULL where retention has dropped the tick.
CREATE OR REPLACE VIEW {prefix}_last AS
WITH RECURSIVE last_bar AS (
  (SELECT symbol, close, close_time FROM {prefix}_bars_1m ORDER BY symbol DESC, time DESC LIMIT 1)
  UNION ALL
  SELECT earlier.symbol, earlier.close, earlier.close_time
  FROM last_bar
  CROSS JOIN LATERAL (
    SELECT b.symbol, b.close, b.close_time FROM {prefix}_bars_1m AS b
    WHERE b.symbol < last_bar.symbol ORDER BY b.symbol DESC, b.time DESC LIMIT 1
  ) AS earlier
)
SELECT last_bar.symbol,
       coalesce(tick.time, last_bar.close_time) AS time,
       coalesce(tick.price, last_bar.close) AS price,
       tick.volume
FROM last_bar
LEFT JOIN LATERAL (
  SELECT t.time, t.price, t.volume FROM {prefix}_ticks AS t
  WHERE t.symbol = last_bar.symbol
  ORDER BY t.time DESC, (t.time = last_bar.close_time AND t.price = last_bar.close) DESC
  LIMIT 1
) AS tick ON true;
