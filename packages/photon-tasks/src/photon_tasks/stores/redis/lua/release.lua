-- ARGV: worker, expected number of heartbeats; empty if the worker ends by itself, so that its
-- attempts do not count. Returns ids of queued and of dead jobs; nil if the number differs.
local worker, expected = ARGV[1], ARGV[2]
local beats = redis.call('HGET', P .. 'w:' .. worker, 'beats')
if not beats or (expected ~= '' and beats ~= expected) then return false end
local queued, dead = {}, {}
for _, id in ipairs(redis.call('SMEMBERS', P .. 'r:' .. worker)) do
    local queue, order, priority, attempts, most, is_cancelled, keep, unique, lasts =
        unpack(redis.call('HMGET', job_key(id), 'q', 'o', 'p', 'n', 'm', 'x', 'k', 'u', 'ul'))
    if queue then
        run_out(id, worker, is_cancelled)
        if expected == '' then
            redis.call('HINCRBY', job_key(id), 'n', -1)
        elseif not is_cancelled then
            redis.call('HINCRBY', job_key(id), 'l', 1)
            redis.call(
                'HSET', job_key(id), 'er',
                'the worker ' .. worker .. ' has ended during attempt ' .. attempts .. ' of ' .. most
            )
        end
        if is_cancelled then
            make_ended(id, queue, 'running', 'cancelled', tonumber(keep), unique, lasts)
        elseif expected == '' or tonumber(attempts) < tonumber(most) then
            make_queued(id, queue, tonumber(priority), 'running', order)
            queued[#queued + 1] = id
        else
            make_ended(id, queue, 'running', 'dead', 0, unique, lasts)
            dead[#dead + 1] = id
        end
    end
end
redis.call('ZREM', P .. 'workers', worker)
for _, kind in ipairs({'w:', 'r:', 'x:', 'b:'}) do redis.call('DEL', P .. kind .. worker) end
tell_workers()
return {queued, dead}
