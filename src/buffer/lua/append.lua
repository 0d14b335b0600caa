-- Appends a run of consecutive frames of one feed to the stream, moves the feed's position and shows them live.
--
-- KEYS[1] state  KEYS[2] stream  KEYS[3] meta
-- ARGV[1] run  ARGV[2] session  ARGV[3] prev (before the first frame)  ARGV[4] last (seq of the last frame)
-- ARGV[5] ticks  ARGV[6] live ('1' or '0')  ARGV[7] bufferMaxTicks  ARGV[8] stream id (new, used if one is due)
-- ARGV[9] feed  ARGV[10] writer  ARGV[11] live channel  ARGV[12] entry
--
-- Output  {'appended'}
--         {'repeat'}       every frame is at or below the position: nothing stored
--         {'lost', why}    'state' | 'chain': the feed's state is gone, the feed must open again
--         {'session'}      another connection speaks for the feed
--         {'full'}         the buffer's bound is reached: nothing stored, send again later
--
-- Entry   f feed, g generation, t running total of ticks, p the feed's `published` before it, n live sequence number (its
--         number among the live entries of this stream; 0: not live), d see stream/stream-entry.ts
-- Publishes `<id> <shownUpTo> <liveSeq> <streamId>\n<entry>` (stream/live-message.ts)
--
-- Invariants: checks everything first and writes after. Position moves only to `last`, only from `prev`.
-- Sequence numbers stay strings (tonumber only compares; 2^53 − 1 is exact). Never sent again when unanswered.
-- The same rules in TypeScript: test/buffer/feed-state-rules.ts, appendFrames().
local state = redis.call('HMGET', KEYS[1], 'run', 'session', 'position', 'generation', 'published')
local run, session, position, generation, shownUpTo = state[1], state[2], state[3], state[4], state[5]

if not generation or run ~= ARGV[1] then return { 'lost', 'state' } end
if session ~= ARGV[2] then return { 'session' } end
if tonumber(ARGV[4]) <= tonumber(position) then return { 'repeat' } end
if ARGV[3] ~= position then return { 'lost', 'chain' } end

local meta = redis.call('HMGET', KEYS[3], 'incarnation', 'total', 'handled', 'shown')
local streamId, total, handled, liveSeq =
  meta[1], tonumber(meta[2] or '0'), tonumber(meta[3] or '0'), tonumber(meta[4] or '0')
local fresh = not streamId or redis.call('EXISTS', KEYS[2]) == 0
if fresh then
  streamId, total, handled, liveSeq = ARGV[8], 0, 0, 0
end
local ticks = tonumber(ARGV[5])
if total > handled and total - handled + ticks > tonumber(ARGV[7]) then return { 'full' } end

local newTotal = string.format('%.0f', total + ticks)
local isNew = tonumber(ARGV[4]) > tonumber(shownUpTo)
local number = 0
if isNew and ARGV[6] == '1' then number = liveSeq + 1 end
local newLiveSeq = string.format('%.0f', number)
local id = redis.call('XADD', KEYS[2], '*', 'f', ARGV[9], 'g', generation, 't', newTotal, 'p', shownUpTo,
  'n', newLiveSeq, 'd', ARGV[12])
if fresh then redis.call('HSET', KEYS[3], 'incarnation', streamId, 'handled', '0', 'shown', '0') end
redis.call('HSET', KEYS[3], 'total', newTotal)
redis.call('HSET', KEYS[1], 'position', ARGV[4], 'writer', ARGV[10], 'published', isNew and ARGV[4] or shownUpTo)
if number > 0 then
  redis.call('HSET', KEYS[3], 'shown', newLiveSeq)
  redis.call('PUBLISH', ARGV[11], id .. ' ' .. shownUpTo .. ' ' .. newLiveSeq .. ' ' .. streamId .. '\n' .. ARGV[12])
end
return { 'appended' }
