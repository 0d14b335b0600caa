-- After a flush: counts what has been handled, and trims entries that are no longer needed.
--
-- KEYS[1] stream  KEYS[2] meta  KEYS[3…] states of the feeds of stale entries
-- ARGV[1] stream id (of the stream the ids belong to)  ARGV[2] handled (running total)
-- ARGV[3] n, then n ids of committed entries
-- then for each stale entry: id, its generation, the index of its feed's state in KEYS
--
-- Output  ids of the stale entries removed; false when it is another stream
--
-- Invariants: a committed entry is one of the row's generation at or below the committed seq, checked by the caller
-- after COMMIT; entries never change. A stale entry goes only where a state exists and has another generation.
-- The same rules in TypeScript: test/buffer/feed-state-rules.ts, mayTrimStale().
if redis.call('HGET', KEYS[2], 'incarnation') ~= ARGV[1] then return false end
local handled = redis.call('HGET', KEYS[2], 'handled') or '0'
if tonumber(ARGV[2]) > tonumber(handled) then redis.call('HSET', KEYS[2], 'handled', ARGV[2]) end

local removed = {}
local committedEnd = 3 + tonumber(ARGV[3])
for i = 4, committedEnd do redis.call('XDEL', KEYS[1], ARGV[i]) end
for i = committedEnd + 1, #ARGV, 3 do
  local generation = redis.call('HGET', KEYS[tonumber(ARGV[i + 2])], 'generation')
  if generation and generation ~= ARGV[i + 1] then
    redis.call('XDEL', KEYS[1], ARGV[i])
    removed[#removed + 1] = ARGV[i]
  end
end
return removed
