-- Declared gaps, latest first, each with the number of all that match. Inputs: {prefix}; $1 feed or NULL; $2 limit.
SELECT feed, after_seq, next_seq, (extract(epoch FROM declared_at) * 1000)::bigint AS declared_ms,
       count(*) OVER () AS total
FROM {prefix}_feed_gaps
WHERE $1::text IS NULL OR feed = $1
ORDER BY id DESC
LIMIT $2::bigint
