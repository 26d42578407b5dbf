-- ARGV: worker, limit, queues, number of this call, earlier calls with and without an answer.
-- Returns the jobs, and the seconds until the next one; nil if the worker is not known.
local worker, limit, queues = ARGV[1], tonumber(ARGV[2]), cmsgpack.unpack(ARGV[3])
local call, answered, unanswered = unpack(cmsgpack.unpack(ARGV[4]))
local last = redis.call('HMGET', P .. 'w:' .. worker, 'beats', 'call')
if not last[1] then return false end

-- A call that has overtaken this one has given its jobs back, so it must not take any.
if call <= tonumber(last[2] or 0) then return cmsgpack.pack({{}, 0}) end
redis.call('HSET', P .. 'w:' .. worker, 'call', call)

-- Calls without an answer: the worker does not know of these jobs.
for _, number in ipairs(unanswered) do
    local ids = redis.call('HGET', P .. 'b:' .. worker, number)
    for _, id in ipairs(ids and cmsgpack.unpack(ids) or {}) do
        local job = redis.call('HMGET', job_key(id), 's', 'w', 'q', 'p', 'o', 'x', 'k', 'u', 'ul')
        if job[1] == 'running' and job[2] == worker then
            run_out(id, worker, job[6])
            redis.call('HINCRBY', job_key(id), 'n', -1)
            redis.call('HINCRBY', job_key(id), 'c', -1)
            if job[6] then
                make_ended(id, job[3], 'running', 'cancelled', tonumber(job[7]), job[8], job[9])
            else
                make_queued(id, job[3], tonumber(job[4]), 'running', job[5])
            end
        end
    end
    redis.call('HDEL', P .. 'b:' .. worker, number)
end
for _, number in ipairs(answered) do redis.call('HDEL', P .. 'b:' .. worker, number) end

-- Queue what has become due.
local due = queues
if #queues == 0 then due = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', seconds(now)) end
local promoted = 0
for _, queue in ipairs(due) do promoted = promoted + promote(queue, 1000) end

-- The queues that have jobs, the one that was served least recently first.
local ready = {}
if #queues == 0 then
    ready = redis.call('ZRANGE', P .. 'ready', 0, limit)
else
    local turns = {}
    for _, queue in ipairs(queues) do
        local turn = redis.call('ZSCORE', P .. 'ready', queue)
        if turn and not turns[queue] then
            turns[queue] = tonumber(turn)
            ready[#ready + 1] = queue
        end
    end
    table.sort(ready, function(a, b) return turns[a] < turns[b] end)
end

-- Serve them in turn, first by numbers only.
local sizes, shares, served, total, taken = {}, {}, {}, 0, 0
for i, queue in ipairs(ready) do
    sizes[i], shares[i] = redis.call('ZCARD', P .. 'q:' .. queue), 0
    total = total + sizes[i]
end
limit = math.min(limit, total)
while taken < limit do
    for i = 1, #ready do
        if taken < limit and shares[i] < sizes[i] then
            shares[i] = shares[i] + 1
            taken = taken + 1
            served[i] = taken
        end
    end
end

local jobs, running = {}, {}
local turn = redis.call('HINCRBY', P .. 'n', 'turn', taken) - taken
for i, queue in ipairs(ready) do
    if shares[i] == sizes[i] then
        redis.call('ZREM', P .. 'ready', queue)
    elseif served[i] then
        redis.call('ZADD', P .. 'ready', turn + served[i], queue)
    end
    local members = shares[i] > 0 and redis.call('ZPOPMIN', P .. 'q:' .. queue, shares[i]) or {}
    local in_queue, now_running, were_queued = {}, {}, {}
    for k = 1, #members, 2 do
        local id = string.sub(members[k], 17)
        local key = job_key(id)
        local job = redis.call(
            'HMGET', key, 'n', 'c', 't', 'a', 'p', 'm', 'd', 'k', 'tr', 'ow', 'g', 'th', 'u', 'ul',
            'l'
        )
        if job[1] then
            job[1], job[2] = job[1] + 1, job[2] + 1
            if job[2] > 1 then redis.call('HDEL', key, 'pr') end
            if job[14] == 'start' then free_key(id, job[13], 'start') end
            redis.call(
                'HSET', key, 's', 'running', 'w', worker, 'n', job[1], 'c', job[2], 'b', seconds(now)
            )
            job[5], job[6], job[8] = tonumber(job[5]), tonumber(job[6]), tonumber(job[8])
            job[7] = math.max(0, now - (tonumber(job[7] or '') or now))
            job[13], job[14], job[15] = id, queue, tonumber(job[15] or 0)
            jobs[#jobs + 1] = job
            were_queued[#were_queued + 1] = id
            running[#running + 1] = id
            now_running[#now_running + 1] = 0
            now_running[#now_running + 1] = id
        end
    end
    for k = 1, #were_queued, 1000 do
        local last = math.min(k + 999, #were_queued)
        redis.call('ZREM', P .. 'i:queued:' .. queue, unpack(were_queued, k, last))
        redis.call('ZADD', P .. 'i:running:' .. queue, unpack(now_running, 2 * k - 1, 2 * last))
        redis.call('SADD', P .. 'r:' .. worker, unpack(were_queued, k, last))
    end
end

if #running > 0 then redis.call('HSET', P .. 'b:' .. worker, call, cmsgpack.pack(running)) end

local next_due = false
if taken < total or (#queues == 0 and #ready > tonumber(ARGV[2])) then
    next_due = 0
    is_news = promoted > 0
else
    is_news = false
    if #queues == 0 then
        next_due = redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2]
    else
        for _, queue in ipairs(queues) do
            local head = redis.call('ZSCORE', P .. 'due', queue)
            if head and (not next_due or tonumber(head) < tonumber(next_due)) then
                next_due = head
            end
        end
    end
    next_due = next_due and math.max(0, tonumber(next_due) - now)
end
tell_workers()
return cmsgpack.pack({jobs, next_due or false})
