-- ARGV: id. Returns the record afterwards, or nil.
local id = ARGV[1]
local key = job_key(id)
local state, queue, order, worker, attempts, keep, unique, lasts =
    unpack(redis.call('HMGET', key, 's', 'q', 'o', 'w', 'n', 'k', 'u', 'ul'))
if not state then return false end
if state == 'running' then
    redis.call('HSET', key, 'x', 1)
    redis.call('HSET', P .. 'x:' .. worker, id, attempts)
elseif not ENDED[state] then
    take_out(id, queue, state, order)
    redis.call('ZREM', P .. 'dead', id)
    redis.call('HDEL', key, 'v')
    make_ended(id, queue, state, 'cancelled', tonumber(keep), unique, lasts)
end
return cmsgpack.pack(record(id))
