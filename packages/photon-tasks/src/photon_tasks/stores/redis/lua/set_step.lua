-- ARGV: worker, id, attempt, name, value. Returns 1 if the claim is the worker's.
if not is_claim(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
redis.call('HSET', P .. 's:' .. ARGV[2], ARGV[4], ARGV[5])
return 1
