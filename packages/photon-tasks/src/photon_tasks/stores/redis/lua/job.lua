-- ARGV: id. Returns the record, or nil.
local ends = redis.call('HGET', job_key(ARGV[1]), 'y')
if ends and tonumber(ends) <= now then return false end
local found = record(ARGV[1])
return found and cmsgpack.pack(found)
