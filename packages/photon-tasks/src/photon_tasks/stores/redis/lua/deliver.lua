-- ARGV: delivery. Returns the id, and whether it is new, of each job.
local outcomes = deliver(cmsgpack.unpack(ARGV[1]))
tell_workers()
return cmsgpack.pack(outcomes)
