-- Takes a broken place away: the feed finds no state, and opens again at the watermark.
--
-- KEYS[1] state  KEYS[2] feeds
-- ARGV[1] run  ARGV[2] generation (both as judged)  ARGV[3] feed
--
-- Output  1 when condemned, 0 when the state is no longer the one judged
--
-- Invariant: only the state judged is deleted. `published` stays: it only says what dashboards have seen.
-- The same rules in TypeScript: place-rules.ts, condemnPlace().
local state = redis.call('HMGET', KEYS[1], 'run', 'generation')
if state[1] ~= ARGV[1] or state[2] ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'run', 'generation', 'position', 'session', 'instance', 'attempt', 'writer', 'seed')
redis.call('SREM', KEYS[2], ARGV[3])
return 1
