-- Last step of a renewal: replaces the state that was seen by one at the watermark, and opens it.
--
-- KEYS[1] state  KEYS[2] feeds
-- ARGV[1] run  ARGV[2] fingerprint (from prepare-renewal.lua)  ARGV[3] generation (new)  ARGV[4] position (the row's seq)
-- ARGV[5] writer (the row's)  ARGV[6] session (new)  ARGV[7] instance  ARGV[8] attempt  ARGV[9] have  ARGV[10] feed
--
-- Output  {'opened', generation, position}
--         {'changed'}  the state is not the one seen: begin again
--         {'late'}, {'taken'} as in open.lua
--
-- Invariant: a generation enters a state only here, and only after the UPDATE that wrote it into the row.
-- Never sent twice. The same rules in TypeScript: test/buffer/feed-state-rules.ts, renewFeed().
local state = redis.call('HMGET', KEYS[1], 'run', 'generation', 'seed', 'instance', 'attempt', 'published')
local run, generation, nonce, instance, attempt, shownUpTo =
  state[1] or '', state[2] or '', state[3] or '', state[4] or '', state[5] or '0', state[6] or ''

if run .. '|' .. generation .. '|' .. nonce ~= ARGV[2] then return { 'changed' } end
if instance == ARGV[7] and tonumber(ARGV[8]) < tonumber(attempt) then return { 'late' } end
if tonumber(ARGV[8]) > 1 and ARGV[5] ~= '' and ARGV[5] ~= ARGV[7] and tonumber(ARGV[4]) > tonumber(ARGV[9]) then
  return { 'taken' }
end
if shownUpTo == '' or tonumber(shownUpTo) < tonumber(ARGV[4]) then shownUpTo = ARGV[4] end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'generation', ARGV[3], 'position', ARGV[4], 'published', shownUpTo,
  'session', ARGV[6], 'instance', ARGV[7], 'attempt', ARGV[8], 'writer', ARGV[5])
redis.call('SADD', KEYS[2], ARGV[10])
return { 'opened', ARGV[3], ARGV[4] }
