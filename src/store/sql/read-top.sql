-- The most traded symbols of one day. Inputs: {prefix}; $1 the day, or NULL for today; $2 its time zone; $3 limit;
--   $4 figure compared: volume, turnover or trades. Output: turnover in millionths.
WITH day AS (
  SELECT start AT TIME ZONE $2 AS begins, (start + INTERVAL '1 day') AT TIME ZONE $2 AS ends
  FROM (SELECT coalesce($1::date, (now() AT TIME ZONE $2)::date)::timestamp AS start) AS midnight
)
SELECT symbol, sum(trades), sum(volume), sum(turnover) * 1000000
FROM {prefix}_bars_1m
WHERE time >= (SELECT begins FROM day) AND time < (SELECT ends FROM day)
GROUP BY symbol
ORDER BY CASE $4::text WHEN 'volume' THEN sum(volume) WHEN 'turnover' THEN sum(turnover) ELSE sum(trades) END DESC, symbol
LIMIT $3::bigint
