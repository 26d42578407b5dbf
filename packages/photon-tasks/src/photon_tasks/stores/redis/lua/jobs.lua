-- ARGV: choice, limit, id before (or empty). Returns records, and the id to continue before.
local before = ARGV[3] ~= '' and ARGV[3]
local chosen, floor = choose(cmsgpack.unpack(ARGV[1]), before, tonumber(ARGV[2]))
local records = {}
for i, id in ipairs(chosen) do records[i] = record(id) end
return cmsgpack.pack({records, floor or false})
