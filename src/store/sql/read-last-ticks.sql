-- The last tick of symbols. Inputs: {prefix}; $1 text[] symbols, or NULL for all. Output: time in microseconds.
SELECT symbol, (extract(epoch FROM time) * 1000000)::bigint, price, volume
FROM {prefix}_last
WHERE $1::text[] IS NULL OR symbol = ANY ($1::text[])
ORDER BY symbol
