-- Invalidates a feed's state that diverged from its watermark: the feed finds none, and opens again at the watermark.
--
-- KEYS[1] state  KEYS[2] feeds
-- ARGV[1] run  ARGV[2] generation (both as checked)  ARGV[3] feed
--
-- Output  1 when invalidated, 0 when the state is no longer the one checked
--
-- Invariant: only the state checked is deleted. `published` stays: it only says what dashboards have seen.
-- The same rules in TypeScript: test/buffer/feed-state-rules.ts, invalidateFeed().
local state = redis.call('HMGET', KEYS[1], 'run', 'generation')
if state[1] ~= ARGV[1] or state[2] ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'run', 'generation', 'position', 'session', 'instance', 'attempt', 'writer', 'seed')
redis.call('SREM', KEYS[2], ARGV[3])
return 1
