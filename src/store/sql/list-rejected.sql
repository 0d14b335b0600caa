-- Rejected ticks, latest first, each with the number of all that match. Inputs: {prefix}; $1 feed or NULL; $2 limit.
SELECT feed, seq, idx, reason, raw, (extract(epoch FROM rejected_at) * 1000)::bigint AS rejected_ms,
       count(*) OVER () AS total
FROM {prefix}_ticks_rejected
WHERE $1::text IS NULL OR feed = $1
ORDER BY id DESC
LIMIT $2::bigint
