-- Bars of a symbol whose buckets begin in a range. Inputs: {prefix}; $1 symbol; bigint microseconds $2 from (inclusive)
--   and $3 to (exclusive); $4 width of a bucket, an interval; $5 time zone in which a day begins, NULL for buckets
--   shorter than a day; $6 limit; $7 true for the latest first.
-- Output as in upsert-bars.sql. The minutes are limited before they are grouped, which the views' own conditions
-- cannot do; 26 hours are more than any day has.
SELECT $1::text, (extract(epoch FROM bucket) * 1000000)::bigint,
       first(open, time), max(high), min(low), last(close, time), sum(volume), sum(trades), sum(turnover) * 1000000,
       (extract(epoch FROM min(open_time)) * 1000000)::bigint, (extract(epoch FROM max(close_time)) * 1000000)::bigint
FROM {prefix}_bars_1m
CROSS JOIN LATERAL (
  SELECT CASE WHEN $5::text IS NULL THEN time_bucket($4::interval, time) ELSE time_bucket($4::interval, time, $5::text) END AS bucket
) AS bucketed
WHERE symbol = $1::text
  AND time >= timestamptz 'epoch' + $2::bigint * INTERVAL '1 microsecond'
  AND time < timestamptz 'epoch' + $3::bigint * INTERVAL '1 microsecond'
             + CASE WHEN $5::text IS NULL THEN $4::interval ELSE INTERVAL '26 hours' END
  AND bucket >= timestamptz 'epoch' + $2::bigint * INTERVAL '1 microsecond'
  AND bucket < timestamptz 'epoch' + $3::bigint * INTERVAL '1 microsecond'
GROUP BY bucket
ORDER BY CASE WHEN $7::boolean THEN bucket END DESC, bucket
LIMIT $6::bigint
