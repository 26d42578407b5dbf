-- ARGV: name, record, expected record (empty if unknown), delivery (or empty). Returns 1 if the
-- record was the expected one.
local key = P .. 'schedules'
if (redis.call('HGET', key, ARGV[1]) or '') ~= ARGV[3] then return 0 end
redis.call('HSET', key, ARGV[1], ARGV[2])
if ARGV[4] ~= '' then deliver(cmsgpack.unpack(ARGV[4])) end
tell_workers()
return 1
