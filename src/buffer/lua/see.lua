-- First step of a renewal: what is there now, with a seed planted where nothing is, so that the write of the renewal
-- can be conditioned on it. All who find the same emptiness share the seed.
--
-- KEYS[1] state
-- ARGV[1] run  ARGV[2] seed (new, random)
--
-- Output  {'present'}       a state of this run: open instead
--         {'seen', tag}     tag names exactly this state; renew.lua takes it
--
-- The same rules in TypeScript: place-rules.ts, seePlace().
local state = redis.call('HMGET', KEYS[1], 'run', 'generation', 'seed')
local run, generation, seed = state[1] or '', state[2] or '', state[3] or ''
if generation ~= '' and run == ARGV[1] then return { 'present' } end
if generation == '' and seed == '' then
  seed = ARGV[2]
  redis.call('HSET', KEYS[1], 'seed', seed)
end
return { 'seen', run .. '|' .. generation .. '|' .. seed }
