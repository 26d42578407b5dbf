-- What all scripts begin with: the keys, and the steps that a job takes between its states.

local P = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local REMEMBERED = 3600  -- seconds for which an id is known after its job has ended, at least
local STATES = {
    'scheduled', 'queued', 'running', 'waiting', 'failed', 'completed', 'dead', 'parked',
    'cancelled'
}
local ENDED = {completed = true, dead = true, cancelled = true}
local RECORD = {
    't', 'q', 's', 'a', 'p', 'n', 'm', 'e', 'd', 'b', 'z', 'w', 'pr', 'r', 'er', 'v', 'u', 'ow',
    'tr', 'g', 'th', 'x'
}
local is_news = false  -- true if workers that wait have to look

local function seconds(time)
    return string.format('%.6f', time)
end

local function job_key(id)
    return P .. 'j:' .. id
end

local function move(id, queue, before, after)
    if before then redis.call('ZREM', P .. 'i:' .. before .. ':' .. queue, id) end
    if after then redis.call('ZADD', P .. 'i:' .. after .. ':' .. queue, 0, id) end
end

local function push(id, queue, priority, order)
    order = order or string.format('%016.0f', redis.call('HINCRBY', P .. 'n', 'order', 1))
    local key = P .. 'q:' .. queue
    redis.call('ZADD', key, -priority, order .. id)
    if redis.call('ZCARD', key) == 1 then
        -- Behind the queues that were served until now, before those that are served from now on.
        local turn = tonumber(redis.call('HGET', P .. 'n', 'turn') or 0)
        redis.call('ZADD', P .. 'ready', turn + 0.5, queue)
    end
    is_news = true
    return order
end

-- Make a job queued, in its earlier place if it has one, which is before those that came later.
local function make_queued(id, queue, priority, before, order, ...)
    order = push(id, queue, priority, order)
    redis.call('HSET', job_key(id), 's', 'queued', 'o', order, ...)
    move(id, queue, before, 'queued')
end

local function note_head(queue)
    local head = redis.call('ZRANGE', P .. 'd:' .. queue, 0, 0, 'WITHSCORES')
    if head[1] then
        redis.call('ZADD', P .. 'due', head[2], queue)
    else
        redis.call('ZREM', P .. 'due', queue)
    end
end

local function put_off(id, queue, due)
    redis.call('ZADD', P .. 'd:' .. queue, seconds(due), id)
    local head = redis.call('ZSCORE', P .. 'due', queue)
    if not head or due < tonumber(head) then
        redis.call('ZADD', P .. 'due', seconds(due), queue)
        is_news = true
    end
end

-- Queue jobs that have become due, in the order of that.
local function promote(queue, limit)
    local key = P .. 'd:' .. queue
    local ids = redis.call('ZRANGEBYSCORE', key, '-inf', seconds(now), 'LIMIT', 0, limit)
    for _, id in ipairs(ids) do
        redis.call('ZREM', key, id)
        local job = redis.call('HMGET', job_key(id), 's', 'p')
        if job[1] then
            make_queued(id, queue, tonumber(job[2]), job[1])
            redis.call('HDEL', job_key(id), 'v')
        end
    end
    if #ids > 0 then note_head(queue) end
    return #ids
end

-- Take a job that does not run out of its queue, or what it waits in.
local function take_out(id, queue, state, order)
    if state == 'queued' then
        local key = P .. 'q:' .. queue
        redis.call('ZREM', key, order .. id)
        if redis.call('EXISTS', key) == 0 then redis.call('ZREM', P .. 'ready', queue) end
    elseif redis.call('ZREM', P .. 'd:' .. queue, id) == 1 then
        note_head(queue)
    end
end

local function free_key(id, key, lasts)
    if key and lasts ~= 'period' and redis.call('GET', P .. 'u:' .. key) == id then
        redis.call('DEL', P .. 'u:' .. key)
    end
end

-- Note that a job has ended, or is parked; with further fields.
local function make_ended(id, queue, before, state, keep, unique, lasts, ...)
    if state == 'completed' or state == 'cancelled' then
        local kept_until = seconds(now + keep)
        redis.call('HSET', job_key(id), 's', state, 'z', seconds(now), 'y', kept_until, ...)
        redis.call('ZADD', P .. 'ended', kept_until, id)
    else
        redis.call('HSET', job_key(id), 's', state, 'z', seconds(now), ...)
        redis.call('ZADD', P .. 'dead', seconds(now), id)
    end
    if state ~= 'parked' then free_key(id, unique, lasts) end
    move(id, queue, before, state)
end

-- Take a job from its worker, and remove further fields.
local function run_out(id, worker, is_cancelled, ...)
    redis.call('SREM', P .. 'r:' .. worker, id)
    if is_cancelled then redis.call('HDEL', P .. 'x:' .. worker, id) end
    redis.call('HDEL', job_key(id), 'w', 'x', ...)
end

-- Enqueue a job, which is an array that `_records` makes.
local function enqueue(job)
    local id, task, queue, arguments, priority, most, due, delay, keep = unpack(job, 1, 9)
    local unique, lasts, period, trace, owner, group, follows = unpack(job, 10, 16)
    local key = job_key(id)
    if redis.call('EXISTS', key, P .. 't:' .. id) > 0 then return {id, false} end
    if unique then
        local holder = redis.call('GET', P .. 'u:' .. unique)
        if holder then return {holder, false} end
        if lasts ~= 'period' then
            redis.call('SET', P .. 'u:' .. unique, id)
        elseif period > 0 then
            redis.call('SET', P .. 'u:' .. unique, id, 'PX', math.ceil(period * 1000))
        end
    end
    redis.call('SADD', P .. 'queues', queue)
    local fields = {
        't', task, 'q', queue, 'a', arguments, 'p', priority, 'm', most, 'k', keep,
        'n', 0, 'c', 0, 'e', seconds(now)
    }
    local function note(name, value)
        if value and value ~= '' then
            fields[#fields + 1] = name
            fields[#fields + 1] = value
        end
    end
    note('u', unique)
    note('ul', unique and lasts)
    note('tr', trace)
    note('ow', owner)
    note('g', group)
    note('th', follows)
    if not due and delay > 0 then due = now + delay end
    note('d', seconds(due or now))
    if due and due > now then
        note('s', 'scheduled')
        redis.call('HSET', key, unpack(fields))
        put_off(id, queue, due)
        move(id, queue, nil, 'scheduled')
    else
        redis.call('HSET', key, unpack(fields))
        make_queued(id, queue, priority)
    end
    return {id, true}
end

-- Enqueue what follows a group. The group stays known for a while, as its jobs do.
local function end_group(group)
    local key = P .. 'g:' .. group
    for _, job in ipairs(cmsgpack.unpack(redis.call('HGET', key, 'then'))) do enqueue(job) end
    redis.call('HDEL', key, 'then')
    redis.call('EXPIRE', key, 24 * REMEMBERED)
end

local function count_down(group)
    local key = P .. 'g:' .. group
    if redis.call('HEXISTS', key, 'then') == 1 then
        if redis.call('HINCRBY', key, 'left', -1) <= 0 then end_group(group) end
    end
end

local function send_event(id, name, payload)
    local job = redis.call('HMGET', job_key(id), 's', 'v', 'q', 'p')
    if not job[1] or ENDED[job[1]] then return end
    redis.call('RPUSH', P .. 'e:' .. id, cmsgpack.pack({name, payload}))
    if job[1] == 'waiting' and job[2] == name then
        take_out(id, job[3], 'waiting')
        make_queued(id, job[3], tonumber(job[4]), 'waiting', nil, 'd', seconds(now))
        redis.call('HDEL', job_key(id), 'v')
    end
end

-- Enqueue the jobs of a delivery: groups, jobs and events.
local function deliver(delivery)
    local outcomes, refused = {}, {}
    for i, job in ipairs(delivery[2]) do
        outcomes[i] = enqueue(job)
        -- A group does not wait for a job that another one keeps out by its key.
        local group = job[15]
        if group and outcomes[i][1] ~= job[1] then refused[group] = (refused[group] or 0) + 1 end
    end
    for _, group in ipairs(delivery[1]) do
        local id, size, follows = unpack(group, 1, 3)
        if redis.call('EXISTS', P .. 'g:' .. id) == 0 then
            size = size - (refused[id] or 0)
            follows = cmsgpack.pack(follows)
            redis.call('HSET', P .. 'g:' .. id, 'left', size, 'kept', size, 'then', follows)
            if size <= 0 then end_group(id) end
        end
    end
    for _, event in ipairs(delivery[3]) do send_event(event[1], event[2], event[3]) end
    return outcomes
end

-- Remove a job that does not run, with all that belongs to it. Its id may be remembered.
local function remove(id, is_remembered)
    local fields = {'s', 'q', 'o', 'u', 'ul', 'g', 'z'}
    local state, queue, order, unique, lasts, group, ended =
        unpack(redis.call('HMGET', job_key(id), unpack(fields)))
    redis.call('ZREM', P .. 'ended', id)
    redis.call('ZREM', P .. 'dead', id)
    if not state then return end
    take_out(id, queue, state, order)
    free_key(id, unique, lasts)
    move(id, queue, state)
    redis.call('UNLINK', job_key(id), P .. 's:' .. id, P .. 'e:' .. id)
    local left = is_remembered and (ended and tonumber(ended) or now) + REMEMBERED - now
    if left and left > 0 then
        redis.call('SET', P .. 't:' .. id, '', 'PX', math.ceil(left * 1000))
    end
    if group and redis.call('EXISTS', P .. 'g:' .. group) == 1 then
        if redis.call('HINCRBY', P .. 'g:' .. group, 'kept', -1) <= 0 then
            redis.call('DEL', P .. 'g:' .. group)
        end
    end
end

local function is_claim(id, worker, attempt)
    local job = redis.call('HMGET', job_key(id), 's', 'w', 'n')
    return job[1] == 'running' and job[2] == worker and job[3] == attempt
end

local function tell_workers()
    if is_news then redis.call('PUBLISH', P .. 'news', '') end
end

local function record(id)
    local job = redis.call('HMGET', job_key(id), unpack(RECORD))
    if not job[1] then return nil end
    table.insert(job, 1, id)
    return job
end

-- The jobs of a choice with ids below ``before``, the greatest first; at most about ``limit``.
-- Returns ids, and where to continue: nil if that was all.
local function choose(choice, before, limit)
    local ids, states, tasks, queues, min_age = unpack(choice, 1, 5)
    local function set(values)
        if #values == 0 then return nil end
        local found = {}
        for _, value in ipairs(values) do found[value] = true end
        return found
    end
    local of_states, of_tasks, of_queues = set(states), set(tasks), set(queues)
    local function is_chosen(id)
        local job = redis.call('HMGET', job_key(id), 's', 't', 'q', 'e', 'z', 'y')
        return job[1]
            and (not of_states or of_states[job[1]])
            and (not of_tasks or of_tasks[job[2]])
            and (not of_queues or of_queues[job[3]])
            and now - tonumber(ENDED[job[1]] and job[5] or job[4]) >= min_age
            and not (job[6] and tonumber(job[6]) <= now)
    end
    local found, floor = {}, nil
    if ids then
        found = ids
    else
        local keys = {}
        if #queues == 0 then queues = redis.call('SMEMBERS', P .. 'queues') end
        for _, state in ipairs(#states > 0 and states or STATES) do
            for _, queue in ipairs(queues) do
                local key = P .. 'i:' .. state .. ':' .. queue
                if redis.call('EXISTS', key) == 1 then keys[#keys + 1] = key end
            end
        end
        local most = math.max(10, math.min(limit, math.floor(2000 / #keys)))
        local start = before and '(' .. before or '+'
        for _, key in ipairs(keys) do
            local page = redis.call('ZREVRANGEBYLEX', key, start, '-', 'LIMIT', 0, most)
            for _, id in ipairs(page) do found[#found + 1] = id end
            -- Below the last one of a full page, ids of this key are missing.
            if #page == most and (not floor or page[most] > floor) then floor = page[most] end
        end
    end
    table.sort(found, function(a, b) return a > b end)
    local chosen = {}
    for _, id in ipairs(found) do
        if floor and id < floor then return chosen, floor end
        if not (ids and before) or id < before then
            if is_chosen(id) then
                if #chosen == limit then return chosen, chosen[limit] end
                chosen[#chosen + 1] = id
            end
        end
    end
    return chosen, floor
end
