-- Gives a connection a new session of its feed, where the feed's state belongs to the present run of Redis.
--
-- KEYS[1] state    hash of the feed
-- KEYS[2] takeover key whose life spaces take-overs
-- ARGV[1] run  ARGV[2] session (new)  ARGV[3] instance  ARGV[4] attempt  ARGV[5] have  ARGV[6] takeoverIntervalMs
--
-- Output  {'opened', generation, position}
--         {'none'}    no state of this run: renew
--         {'late'}    an older open of the same instance arrived after a newer one
--         {'taken'}   another instance has written since: 423
--         {'spaced'}  a take-over less than takeoverIntervalMs after the last one
--
-- Invariant: position and generation are only read here. Never sent twice.
-- The same rules in TypeScript: test/buffer/feed-state-rules.ts, openFeed().
local state = redis.call('HMGET', KEYS[1], 'run', 'generation', 'position', 'session', 'instance', 'attempt', 'writer')
local run, generation, position, session, instance, attempt, writer =
  state[1], state[2], state[3], state[4], state[5], state[6], state[7]

if not generation or run ~= ARGV[1] then return { 'none' } end
if instance == ARGV[3] and tonumber(ARGV[4]) < tonumber(attempt) then return { 'late' } end
if tonumber(ARGV[4]) > 1 and writer ~= '' and writer ~= ARGV[3] and tonumber(position) > tonumber(ARGV[5]) then
  return { 'taken' }
end
if instance ~= ARGV[3] and session ~= '' and tonumber(ARGV[6]) > 0 then
  if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[6]) then return { 'spaced' } end
end
redis.call('HSET', KEYS[1], 'session', ARGV[2], 'instance', ARGV[3], 'attempt', ARGV[4])
return { 'opened', generation, position }
