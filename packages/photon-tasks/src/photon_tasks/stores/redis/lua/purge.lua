-- ARGV: choice, limit, id before (or empty). Returns the number of removed jobs, and the id to
-- continue before.
local before = ARGV[3] ~= '' and ARGV[3]
local chosen, floor = choose(cmsgpack.unpack(ARGV[1]), before, tonumber(ARGV[2]))
local count = 0
for _, id in ipairs(chosen) do
    if redis.call('HGET', job_key(id), 's') ~= 'running' then
        remove(id)
        count = count + 1
    end
end
return cmsgpack.pack({count, floor or false})
