-- ARGV: worker, outcomes. Returns 1 for each outcome that was recorded, else 0.
local worker = ARGV[1]
local recorded = {}

local function finish(id, attempt, state, delay, event, result, failure, keep, gives_back, delivery)
    local key = job_key(id)
    local before, owner, attempts, queue, priority, unique, lasts, group, is_cancelled, own_keep,
        order =
        unpack(redis.call('HMGET', key, 's', 'w', 'n', 'q', 'p', 'u', 'ul', 'g', 'x', 'k', 'o'))
    if before ~= 'running' or owner ~= worker or tonumber(attempts) ~= attempt then return 0 end
    local outdated, fields = {}, {}
    if gives_back then
        fields = {'n', attempt - 1}
    else
        outdated = {'l'}
    end
    if failure then
        fields[#fields + 1] = 'er'
        fields[#fields + 1] = failure
    elseif state == 'completed' then
        outdated[#outdated + 1] = 'er'
    end
    if result then
        fields[#fields + 1] = 'r'
        fields[#fields + 1] = result
    end
    run_out(id, worker, is_cancelled, unpack(outdated))
    if is_cancelled and (state == 'failed' or state == 'waiting' or state == 'queued') then
        state, keep = 'cancelled', tonumber(own_keep)
    end
    if not ENDED[state] then is_news = true end
    if state == 'failed' then delay = delay or 0 end
    if state == 'failed' or state == 'waiting' then
        local has_event = false
        if event then
            for _, each in ipairs(redis.call('LRANGE', P .. 'e:' .. id, 0, -1)) do
                has_event = has_event or cmsgpack.unpack(each)[1] == event
            end
        end
        if has_event then
            fields[#fields + 1] = 'd'
            fields[#fields + 1] = seconds(now)
            make_queued(id, queue, tonumber(priority), 'running', nil, unpack(fields))
        else
            redis.call('HSET', key, 's', state, unpack(fields))
            if event then redis.call('HSET', key, 'v', event) end
            if delay then
                redis.call('HSET', key, 'd', seconds(now + delay))
                put_off(id, queue, now + delay)
            else
                redis.call('HDEL', key, 'd')
            end
            move(id, queue, 'running', state)
        end
    elseif state == 'queued' then
        make_queued(id, queue, tonumber(priority), 'running', order, unpack(fields))
    else
        make_ended(id, queue, 'running', state, keep, unique, lasts, unpack(fields))
    end
    if delivery then deliver(delivery) end
    if state == 'completed' and group then count_down(group) end
    return 1
end

for i, outcome in ipairs(cmsgpack.unpack(ARGV[2])) do
    recorded[i] = finish(unpack(outcome, 1, 10))
end
tell_workers()
return recorded
