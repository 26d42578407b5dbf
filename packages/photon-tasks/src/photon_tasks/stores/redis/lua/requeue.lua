-- ARGV: choice, limit, id before (or empty). Returns the number of jobs that were queued, and the
-- id to continue before.
local POSSIBLE = {
    dead = true, parked = true, failed = true, waiting = true, scheduled = true, cancelled = true
}

local function requeue(id)
    local key = job_key(id)
    local state, queue, priority, unique, lasts, order =
        unpack(redis.call('HMGET', key, 's', 'q', 'p', 'u', 'ul', 'o'))
    if not POSSIBLE[state] then return 0 end
    if unique then
        local holder = redis.call('GET', P .. 'u:' .. unique)
        if holder and holder ~= id then return 0 end
        if lasts ~= 'period' then redis.call('SET', P .. 'u:' .. unique, id) end
    end
    take_out(id, queue, state, order)
    redis.call('ZREM', P .. 'ended', id)
    redis.call('ZREM', P .. 'dead', id)
    redis.call('HDEL', key, 'z', 'y', 'v', 'er', 'r', 'pr', 'l')
    redis.call('SADD', P .. 'queues', queue)
    make_queued(id, queue, tonumber(priority), state, nil, 'n', 0, 'd', seconds(now))
    return 1
end

local before = ARGV[3] ~= '' and ARGV[3]
local chosen, floor = choose(cmsgpack.unpack(ARGV[1]), before, tonumber(ARGV[2]))
local count = 0
for i = #chosen, 1, -1 do count = count + requeue(chosen[i]) end
tell_workers()
return cmsgpack.pack({count, floor or false})
