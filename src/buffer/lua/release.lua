-- A connection that ends leaves its session, so that the next program of that name need not wait.
--
-- KEYS[1] state
-- ARGV[1] session
--
-- Output  1 when the session was this connection's, else 0
if redis.call('HGET', KEYS[1], 'session') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'session', '')
return 1
