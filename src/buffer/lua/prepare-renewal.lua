-- First step of a renewal: a fingerprint of the state that is there now, so that the write of the renewal can be
-- conditioned on it (compare-and-set). Where there is no state a nonce is written; all who find none share it.
--
-- KEYS[1] state
-- ARGV[1] run  ARGV[2] nonce (new, random)
--
-- Output  {'present'}            a state of this run: open instead
--         {'seen', fingerprint}  names exactly this state; renew.lua takes it
--
-- The same rules in TypeScript: test/buffer/feed-state-rules.ts, prepareRenewal().
local state = redis.call('HMGET', KEYS[1], 'run', 'generation', 'seed')
local run, generation, nonce = state[1] or '', state[2] or '', state[3] or ''
if generation ~= '' and run == ARGV[1] then return { 'present' } end
if generation == '' and nonce == '' then
  nonce = ARGV[2]
  redis.call('HSET', KEYS[1], 'seed', nonce)
end
return { 'seen', run .. '|' .. generation .. '|' .. nonce }
