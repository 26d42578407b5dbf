-- ARGV: worker, id, attempt, name, step. Returns the payload, or nil.
if not is_claim(ARGV[2], ARGV[1], ARGV[3]) then return false end
local key = P .. 'e:' .. ARGV[2]
for _, each in ipairs(redis.call('LRANGE', key, 0, -1)) do
    local name, payload = unpack(cmsgpack.unpack(each))
    if name == ARGV[4] then
        redis.call('LREM', key, 1, each)
        redis.call('HSET', P .. 's:' .. ARGV[2], ARGV[5], payload)
        return payload
    end
end
return false
