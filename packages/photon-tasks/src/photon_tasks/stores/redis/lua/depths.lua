-- Returns queue, state, number of jobs and age of the oldest one.
local function oldest_queued(queue)
    -- The first one of each of the greatest priorities.
    local oldest, above = now, '-inf'
    for _ = 1, 16 do
        local found = redis.call(
            'ZRANGEBYSCORE', P .. 'q:' .. queue, above, '+inf', 'WITHSCORES', 'LIMIT', 0, 1
        )
        if not found[1] then break end
        local due = redis.call('HGET', job_key(string.sub(found[1], 17)), 'd')
        oldest = math.min(oldest, tonumber(due) or now)
        above = '(' .. found[2]
    end
    return oldest
end

local depths = {}
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
    for _, state in ipairs(STATES) do
        local key = P .. 'i:' .. state .. ':' .. queue
        local jobs = redis.call('ZCARD', key)
        if jobs > 0 then
            local oldest
            if state == 'queued' then
                oldest = oldest_queued(queue)
            else  -- ids of version 7 are in the order of their making
                local id = redis.call('ZRANGE', key, 0, 0)[1]
                oldest = tonumber(redis.call('HGET', job_key(id), 'e') or now)
            end
            depths[#depths + 1] = {queue, state, jobs, math.max(0, now - oldest)}
        end
    end
end
return cmsgpack.pack(depths)
