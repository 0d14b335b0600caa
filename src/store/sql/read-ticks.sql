-- Ticks of a symbol in the order of time. Inputs: {prefix}; $1 symbol; bigint microseconds $2 from (inclusive) and $3
--   to (exclusive); $4 rows at $2 to pass over (a page ended among them); $5 limit.
-- Ties are put in an order of their own, since arrival is not stored: rows equal in all four are interchangeable, so
-- that a page begins exactly where the one before it ended.
SELECT (extract(epoch FROM time) * 1000000)::bigint, price, volume
FROM {prefix}_ticks
WHERE symbol = $1
  AND time >= timestamptz 'epoch' + $2::bigint * INTERVAL '1 microsecond'
  AND time < timestamptz 'epoch' + $3::bigint * INTERVAL '1 microsecond'
ORDER BY time, price, volume
OFFSET $4::bigint LIMIT $5::bigint
