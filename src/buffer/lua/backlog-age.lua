-- How many ticks no flush has handled, and since when the oldest of them has been in the buffer.
--
-- KEYS[1] stream  KEYS[2] meta
--
-- Output  {ticks, age in milliseconds}; the age is −1 when nothing waits
--
-- Invariants: reads only. Ids are times of this server, and an entry's running total `t` grows with its id: the first
-- entry whose total is above what was handled is found by halving the time between the first entry and now.
if redis.call('EXISTS', KEYS[1]) == 0 then return { 0, -1 } end
local meta = redis.call('HMGET', KEYS[2], 'total', 'handled')
local total, handled = tonumber(meta[1] or '0'), tonumber(meta[2] or '0')
if total <= handled then return { 0, -1 } end

local function read(command, from, to)
  local entry = redis.call(command, KEYS[1], from, to, 'COUNT', 1)[1]
  if not entry then return nil end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 't' then return tonumber(string.match(entry[1], '^%d+')), tonumber(entry[2][i + 1]) > handled end
  end
end
local function text(ms) return string.format('%.0f', ms) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- The first millisecond from which on every entry waits.
local low, high = read('XRANGE', '-', '+'), now + 1
if not low then return { total - handled, -1 } end
while low < high do
  local middle = math.floor((low + high) / 2)
  local entryMs, isWaiting = read('XRANGE', text(middle), '+')
  if not entryMs or isWaiting then high = middle else low = math.max(middle, entryMs) + 1 end
end
-- Of the millisecond before it the last entries may wait too.
local entryMs, isWaiting = read('XREVRANGE', text(low - 1), text(low - 1))
if not isWaiting then entryMs = read('XRANGE', text(low), '+') end
return { total - handled, math.max(0, now - (entryMs or now)) }
