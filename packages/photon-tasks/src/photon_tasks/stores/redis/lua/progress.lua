-- ARGV: worker, id, attempt, progress. Returns 1 if the claim is the worker's.
if not is_claim(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
redis.call('HSET', job_key(ARGV[2]), 'pr', ARGV[4])
return 1
