"""The Lua scripts of `RedisStore`: each is one atomic step.

Keys. ``…{room}:head`` is a hash with the epoch and the last position of a log; ``…{room}:log`` a
stream whose ids are the positions; ``…{room}:from:<origin>`` the last sequence of an origin;
``…{room}:users`` a hash of the users with their sockets in each worker, as ``worker=2 worker=1``;
``…leases`` a sorted set of the workers with the end of their leases.

The head outlives the log: a log that expires leaves its epoch and position behind, so a room where
no message was sent for a day continues, without its history.
"""

from __future__ import annotations

from typing import Final

from photon_runtime.drivers.redis import Script

_CLOCK = """
local clock = redis.call('TIME')
local now = string.format('%d.%06d', clock[1], clock[2])
"""

_HEAD = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
    epoch = ARGV[1]
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'last', 0)
    redis.call('DEL', KEYS[2])
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
"""

APPEND: Final = Script(
    _CLOCK
    + _HEAD
    + """
local keep, log_age, origin, channel = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local seen = tonumber(redis.call('GET', KEYS[3]) or '-1')
local first, count, parts = 0, 0, {}
for i = 7, #ARGV, 2 do
    local sequence = tonumber(ARGV[i])
    if sequence > seen then
        seen = sequence
        local position = redis.call('HINCRBY', KEYS[1], 'last', 1)
        redis.call('XADD', KEYS[2], position .. '-0', 't', now, 'o', origin, 'r', ARGV[i + 1])
        if first == 0 then first = position end
        count = count + 1
        parts[count] = ARGV[i + 1]
    end
end
if count > 0 then
    redis.call('XTRIM', KEYS[2], 'MAXLEN', keep)
    redis.call('SET', KEYS[3], string.format('%d', seen), 'EX', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[2])
    redis.call('EXPIRE', KEYS[2], log_age)
    local head = table.concat({epoch, first, now, origin, count}, ' ')
    redis.call('PUBLISH', channel, head .. '\\n' .. table.concat(parts))
end
if count < (#ARGV - 6) / 2 then first = 0 end
return {epoch, first, now}
"""
)
"""Keys: head, log, from. Arguments: new epoch, age of the head, entries to keep, age of the log,
origin, channel, then sequence and encoded record of each."""

READ: Final = Script(
    _HEAD
    + """
local last = redis.call('HGET', KEYS[1], 'last')
local entries = {}
if tonumber(ARGV[3]) < tonumber(last) then
    entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[3] .. '-0', '+', 'COUNT', ARGV[4])
end
return {epoch, last, entries}
"""
)
"""Keys: head, log. Arguments: new epoch, age of the head, position, number of entries."""

_PRESENCE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function is_valid(worker)
    local ends = redis.call('ZSCORE', KEYS[1], worker)
    return ends and tonumber(ends) > now
end
local function workers(value)
    local found = {}
    for worker, sockets in string.gmatch(value or '', '(%S+)=(%d+)') do
        found[worker] = tonumber(sockets)
    end
    return found
end
local function write(user, found)
    local parts = {}
    for worker, sockets in pairs(found) do
        if sockets > 0 then parts[#parts + 1] = worker .. '=' .. sockets end
    end
    if #parts > 0 then
        redis.call('HSET', KEYS[2], user, table.concat(parts, ' '))
    else
        redis.call('HDEL', KEYS[2], user)
    end
end
local function total(found, own)
    local sum = 0
    for worker, sockets in pairs(found) do
        if worker == own or is_valid(worker) then sum = sum + sockets end
    end
    return sum
end
"""

SET_PRESENCE: Final = Script(
    _PRESENCE
    + """
local found = workers(redis.call('HGET', KEYS[2], ARGV[2]))
local before = total(found, ARGV[1])
found[ARGV[1]] = tonumber(ARGV[3])
write(ARGV[2], found)
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {before, total(found, ARGV[1])}
"""
)
"""Keys: leases, users. Arguments: worker, user, sockets, age of the users."""

USERS: Final = Script(
    _PRESENCE
    + """
local users, valid = {}, {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
    local sum = 0
    for worker, sockets in pairs(workers(all[i + 1])) do
        if valid[worker] == nil then valid[worker] = is_valid(worker) or false end
        if valid[worker] then sum = sum + sockets end
    end
    if sum > 0 then
        users[#users + 1] = all[i]
        users[#users + 1] = sum
    end
end
return users
"""
)
"""Keys: leases, users."""

RENEW: Final = Script("""
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ends and tonumber(ends) <= now then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if ends then return 1 end
return 2
""")
"""Keys: leases. Arguments: worker, lease and age of forgotten leases in milliseconds. Returns 1 for
a lease that was extended, 2 for a new one, 0 for one that has expired, which stays so."""

EXPIRED: Final = Script("""
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
""")
"""Keys: leases."""

EXPIRE: Final = Script(
    _PRESENCE
    + """
local left = {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
    local found, removed = workers(all[i + 1]), 0
    for _, worker in ipairs(ARGV) do
        removed = removed + (found[worker] or 0)
        found[worker] = nil
    end
    if removed > 0 then
        write(all[i], found)
        if total(found) == 0 then left[#left + 1] = all[i] end
    end
end
return left
"""
)
"""Keys: leases, users. Arguments: workers whose leases have expired."""

RELEASE: Final = Script("""
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'XX', clock[1] * 1000 - 1, ARGV[1])
""")
"""Keys: leases. Arguments: worker, whose presence expires now."""
