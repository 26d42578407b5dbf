-- ARGV: seconds for which dead and parked jobs are kept, limit. Returns the number of removed jobs.
local function remove_until(key, time, limit)
    local ids = redis.call('ZRANGEBYSCORE', P .. key, '-inf', seconds(time), 'LIMIT', 0, limit)
    for _, id in ipairs(ids) do remove(id, true) end
    return #ids
end

local limit = tonumber(ARGV[2])
local count = remove_until('ended', now, limit)
count = count + remove_until('dead', now - ARGV[1], limit - count)
for _, queue in ipairs(redis.call('SRANDMEMBER', P .. 'queues', 10)) do
    local is_used = false
    for _, state in ipairs(STATES) do
        is_used = is_used or redis.call('EXISTS', P .. 'i:' .. state .. ':' .. queue) == 1
    end
    if not is_used then redis.call('SREM', P .. 'queues', queue) end
end
return count
