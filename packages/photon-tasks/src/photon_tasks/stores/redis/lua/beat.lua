-- ARGV: worker, lease. Returns ids and attempts that are to be cancelled; nil if it is unknown.
local key = P .. 'w:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return false end
redis.call('HINCRBY', key, 'beats', 1)
redis.call('ZADD', P .. 'workers', seconds(now + ARGV[2]), ARGV[1])
return redis.call('HGETALL', P .. 'x:' .. ARGV[1])
