-- Watermarks of all feeds, those of one-off publishers (~) last. Input: {prefix}.
SELECT feed, seq, generation, writer, (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM {prefix}_feed_watermarks
ORDER BY feed LIKE '~%', feed
