-- Returns id, introduction, heartbeats, rest of the lease, start and number of jobs of each worker.
local workers = {}
local all = redis.call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
    local worker = redis.call('HMGET', P .. 'w:' .. all[i], 'info', 'beats', 'started')
    local running = redis.call('SCARD', P .. 'r:' .. all[i])
    local left = tonumber(all[i + 1]) - now
    if worker[1] then
        workers[#workers + 1] = {
            all[i], worker[1], tonumber(worker[2]), left, tonumber(worker[3]), running
        }
    end
end
return cmsgpack.pack(workers)
