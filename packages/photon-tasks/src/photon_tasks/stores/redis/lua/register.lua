-- ARGV: worker, what it introduces itself with, lease.
local key = P .. 'w:' .. ARGV[1]
redis.call('HSET', key, 'info', ARGV[2])
redis.call('HSETNX', key, 'beats', 0)
redis.call('HSETNX', key, 'started', seconds(now))
redis.call('ZADD', P .. 'workers', seconds(now + ARGV[3]), ARGV[1])
