"""The tables and functions of `PostgreSQLStore`, which it makes itself.

Theory of operation. Everything is in a schema of its own, so that migrations of the application do
not see it. It is made under an advisory lock, because workers start at the same time. The comment
of one table is the version: another version of Photon makes the tables anew, which gives the logs
other epochs and so their readers a gap. What else is in the schema stays.

``append`` takes the lock of the row of a log, and holds it to the commit. So positions become
visible in their order and have no holes, and a NOTIFY arrives after what it is about. Logs are
locked in the order of their names, because two workers may append to the same ones. Presence has
one advisory lock: only so are the totals of two workers, who set a user at once, a sequence.

Times of a log never go backwards, so that the entries that are too old are the first ones. What is
younger than `GRACE` stays, within `MOST` times the number of entries to keep: a burst of messages
must not be over before the other workers have read it.

A standby that takes over may lack the last commits, whose positions are then given again. It has
another timeline, and so have the logs other epochs from then on.

A notification has 8,000 bytes, so an append sends as many as its entries need. An entry that is too
large for one is only announced, and those behind it with it.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "photon rooms 1"
_TABLE_NAMES = ("logs", "entries", "senders", "leases", "presence", "server")
_FUNCTION_NAMES = ("append", "set_presence", "renew", "expire", "release", "follow_timeline")

_SECONDS = "extract(epoch FROM clock_timestamp())::float8"
LOCK: Final = 0x70686F746F6E  # "photon"
FORGET_AFTER: Final = 86_400
"""Seconds after which an unused log, and what a worker has left behind, is removed."""
GRACE = 3.0
"""Seconds for which entries stay that are beyond the number to keep."""
MOST: Final = 20

_TABLES = """
CREATE TABLE {schema}.logs (
    room text PRIMARY KEY,
    epoch text NOT NULL,
    base bigint NOT NULL,   -- the position before that of the oldest entry
    last bigint NOT NULL,
    time float8 NOT NULL,   -- of the last append, or of the first read
    expires float8 NOT NULL -- when the log is removed, if nothing is appended
);
CREATE TABLE {schema}.entries (
    room text NOT NULL,
    position bigint NOT NULL,
    time float8 NOT NULL,
    origin text NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (room, position)
);
CREATE TABLE {schema}.senders (
    room text NOT NULL,
    origin text NOT NULL,
    sequence bigint NOT NULL,
    time float8 NOT NULL,
    PRIMARY KEY (room, origin)
);
CREATE TABLE {schema}.leases (
    origin text PRIMARY KEY,
    expires float8 NOT NULL
);
CREATE TABLE {schema}.presence (
    room text NOT NULL,
    member text NOT NULL,
    origin text NOT NULL,
    sockets int NOT NULL,
    PRIMARY KEY (room, member, origin)
);
CREATE TABLE {schema}.server (
    timeline text NOT NULL
);
INSERT INTO {schema}.server VALUES ('');
CREATE INDEX presence_origin ON {schema}.presence (origin);
"""

_APPEND = """
CREATE FUNCTION {schema}.append(
    rooms text[], keep bigint[], seconds float8[], starts int[], stops int[], inline bool[],
    origins text[], sequences bigint[], kinds text[], payloads bytea[]
) RETURNS TABLE (number int, log_epoch text, first_position bigint, moment float8)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    log record;
    added bigint;
    cut bigint;
    items text[];
    item text;
    head text;
    message text;
BEGIN
    FOR number IN SELECT i FROM generate_subscripts(rooms, 1) i ORDER BY rooms[i], i LOOP
        moment := {seconds};
        INSERT INTO {schema}.logs AS l VALUES (
            rooms[number], {epoch}, 0, 0, moment, moment + greatest({age}, 2 * seconds[number])
        ) ON CONFLICT (room) DO UPDATE
        SET time = greatest(l.time, excluded.time), expires = excluded.expires
        RETURNING * INTO log;
        moment := log.time;
        log_epoch := log.epoch;
        WITH fresh AS (
            SELECT row_number() OVER (ORDER BY i) AS n, i
            FROM generate_series(starts[number], stops[number]) i
            LEFT JOIN {schema}.senders s ON s.room = rooms[number] AND s.origin = origins[i]
            WHERE sequences[i] > coalesce(s.sequence, -1)
        ), inserted AS (
            INSERT INTO {schema}.entries AS e
            SELECT log.room, log.last + n, log.time, origins[i], sequences[i], kinds[i], payloads[i]
            FROM fresh RETURNING e.position, e.origin, e.sequence, e.kind, e.payload
        ), noted AS (
            INSERT INTO {schema}.senders AS s
            SELECT log.room, inserted.origin, max(inserted.sequence), log.time FROM inserted
            GROUP BY inserted.origin
            ON CONFLICT (room, origin)
            DO UPDATE SET sequence = excluded.sequence, time = excluded.time
        )
        SELECT count(*), CASE WHEN inline[number] THEN array_agg(json_build_array(
            position, origin, sequence, kind, encode(payload, 'base64')
        )::text ORDER BY position) ELSE ARRAY[repeat(' ', 8000)] END
        INTO added, items FROM inserted;
        first_position := CASE
            WHEN added = stops[number] - starts[number] + 1 THEN log.last + 1
        END;
        cut := log.last + added - keep[number];
        IF EXISTS (
            SELECT FROM {schema}.entries e
            WHERE e.room = log.room AND e.position = cut AND e.time > log.time - {grace}
        ) THEN
            cut := log.last + added - {most} * keep[number];
        END IF;
        cut := greatest(log.base, cut);
        IF seconds[number] IS NOT NULL THEN
            cut := greatest(cut, coalesce((
                SELECT e.position - 1 FROM {schema}.entries e
                WHERE e.room = log.room AND e.position > cut
                AND e.time >= log.time - seconds[number]
                ORDER BY e.position LIMIT 1
            ), log.last + added));  -- NULL for no entry that is young enough
        END IF;
        IF cut > log.base THEN
            DELETE FROM {schema}.entries e WHERE e.room = log.room AND e.position <= cut;
        END IF;
        UPDATE {schema}.logs l SET last = log.last + added, base = cut WHERE l.room = log.room;
        head := rtrim(json_build_array(log.room, log.epoch, log.time)::text, ']');
        message := '';
        FOREACH item IN ARRAY CASE WHEN added > 0 THEN items ELSE '{}' END LOOP
            IF octet_length(head || message || item) > 7900 AND message <> '' THEN
                PERFORM pg_notify('{channel}', head || ', [' || message || ']]');
                message := '';
            END IF;
            IF octet_length(head || item) > 7900 THEN
                PERFORM pg_notify('{channel}', head || ', null]');
                EXIT;
            END IF;
            message := message || CASE WHEN message = '' THEN '' ELSE ', ' END || item;
        END LOOP;
        IF message <> '' THEN
            PERFORM pg_notify('{channel}', head || ', [' || message || ']]');
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
"""

_SET_PRESENCE = """
CREATE FUNCTION {schema}.set_presence(worker text, rooms text[], members text[], counts int[])
RETURNS TABLE (before bigint, after bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    own bigint;
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    FOR i IN 1 .. coalesce(array_length(rooms, 1), 0) LOOP
        SELECT coalesce(sum(p.sockets), 0),
            coalesce(sum(p.sockets) FILTER (WHERE p.origin = worker), 0)
        INTO before, own FROM {schema}.presence p
        WHERE p.room = rooms[i] AND p.member = members[i] AND (p.origin = worker OR EXISTS (
            SELECT FROM {schema}.leases l WHERE l.origin = p.origin AND l.expires > {seconds}
        ));
        after := before - own + counts[i];
        IF counts[i] > 0 THEN
            INSERT INTO {schema}.presence VALUES (rooms[i], members[i], worker, counts[i])
            ON CONFLICT (room, member, origin) DO UPDATE SET sockets = excluded.sockets;
        ELSE
            DELETE FROM {schema}.presence p
            WHERE p.room = rooms[i] AND p.member = members[i] AND p.origin = worker;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
"""

IS_CURRENT: Final = """
SELECT coalesce(obj_description(to_regclass(%s || '.logs'), 'pg_class') = %s, false),
    to_regnamespace(%s) IS NOT NULL
"""

_READ = """
SELECT l.epoch, l.last, e.position, e.time, e.origin, e.sequence, e.kind, e.payload
FROM {schema}.logs l LEFT JOIN LATERAL (
    SELECT *, sum(octet_length(payload)) OVER (ORDER BY position) - octet_length(payload) AS size
    FROM (
        SELECT * FROM {schema}.entries e WHERE e.room = l.room AND e.position > greatest(%s, l.base)
        ORDER BY e.position LIMIT %s
    ) page
) e ON e.size < %s
WHERE l.room = %s ORDER BY e.position
"""

_MAKE_LOG = """
INSERT INTO {schema}.logs
VALUES (%s, {epoch}, 0, 0, {seconds}, {seconds} + {age}) ON CONFLICT DO NOTHING
"""

_PRESENCE = """
SELECT p.member, sum(p.sockets)::int FROM {schema}.presence p
JOIN {schema}.leases l ON l.origin = p.origin AND l.expires > {seconds}
WHERE p.room = %s GROUP BY p.member
"""

_LEASES = """
CREATE FUNCTION {schema}.renew(worker text, lease float8) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    UPDATE {schema}.leases l SET expires = {seconds} + lease
    WHERE l.origin = worker AND l.expires > {seconds};
    IF found THEN
        RETURN true;
    END IF;
    DELETE FROM {schema}.presence p WHERE p.origin = worker;
    INSERT INTO {schema}.leases VALUES (worker, {seconds} + lease)
    ON CONFLICT (origin) DO UPDATE SET expires = excluded.expires;
    RETURN false;
END $$;

CREATE FUNCTION {schema}.expire(rooms text[]) RETURNS TABLE (room text, member text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    RETURN QUERY WITH valid AS (
        SELECT l.origin FROM {schema}.leases l WHERE l.expires > {seconds}
    ), removed AS (
        DELETE FROM {schema}.presence p
        WHERE p.room = ANY(rooms) AND p.origin NOT IN (SELECT v.origin FROM valid v)
        RETURNING p.room, p.member
    )
    SELECT DISTINCT r.room, r.member FROM removed r WHERE NOT EXISTS (
        SELECT FROM {schema}.presence p JOIN valid v ON v.origin = p.origin
        WHERE p.room = r.room AND p.member = r.member
    );
END $$;

CREATE FUNCTION {schema}.release(worker text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    DELETE FROM {schema}.presence p WHERE p.origin = worker;
    DELETE FROM {schema}.leases l WHERE l.origin = worker;
END $$;
"""

_FOLLOW = """
CREATE FUNCTION {schema}.follow_timeline() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    current text;
BEGIN
    BEGIN
        current := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
    EXCEPTION WHEN OTHERS THEN
        RETURN;  -- a server that does not show its timeline
    END;
    IF EXISTS (SELECT FROM {schema}.server s WHERE s.timeline = current) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock({lock});
    UPDATE {schema}.server s SET timeline = current WHERE s.timeline <> current;
    IF found THEN
        UPDATE {schema}.logs SET epoch = {epoch};
    END IF;
END $$;
"""

_FORGET = """
WITH old AS (DELETE FROM {schema}.logs l WHERE l.expires < {seconds} RETURNING l.room),
entries AS (DELETE FROM {schema}.entries e USING old WHERE e.room = old.room),
senders AS (DELETE FROM {schema}.senders s
    WHERE s.time < {seconds} - %(age)s OR s.room IN (SELECT room FROM old)),
leases AS (DELETE FROM {schema}.leases l WHERE l.expires < {seconds} - %(age)s RETURNING l.origin)
DELETE FROM {schema}.presence p USING leases WHERE p.origin = leases.origin
"""


class Statements:
    """The statements of a store.

    Args:
        schema: The name of the schema, quoted.
        channel: The name of the channel, which needs no quotes.
    """

    def __init__(self, schema: str, channel: str) -> None:
        """Fill in the names."""
        self._names = {
            "schema": schema,
            "channel": channel,
            "seconds": _SECONDS,
            "epoch": "replace(gen_random_uuid()::text, '-', '')",
            "lock": str(LOCK + 1),
            "age": str(FORGET_AFTER),
            "grace": str(GRACE),
            "most": str(MOST),
        }
        self.make_schema = self._named("CREATE SCHEMA {schema}")
        self.make = self._named(
            "".join(f"DROP TABLE IF EXISTS {{schema}}.{name};" for name in _TABLE_NAMES)
            + "".join(f"DROP FUNCTION IF EXISTS {{schema}}.{name};" for name in _FUNCTION_NAMES)
            + _TABLES
            + _APPEND
            + _SET_PRESENCE
            + _LEASES
            + _FOLLOW
            + f"COMMENT ON TABLE {{schema}}.logs IS '{VERSION}'"
        )
        self.append = self._named(
            "SELECT * FROM {schema}.append(%s::text[], %s::bigint[], %s::float8[], %s::int[], "
            "%s::int[], %s::bool[], %s::text[], %s::bigint[], %s::text[], %s::bytea[])"
        )
        self.read = self._named(_READ)
        self.make_log = self._named(_MAKE_LOG)
        self.set_presence = self._named(
            "SELECT * FROM {schema}.set_presence(%s, %s::text[], %s::text[], %s::int[])"
        )
        self.presence = self._named(_PRESENCE)
        self.renew = self._named("SELECT {schema}.renew(%s, %s)")
        self.expire = self._named("SELECT * FROM {schema}.expire(%s::text[])")
        self.release = self._named("SELECT {schema}.release(%s)")
        self.follow_timeline = self._named("SELECT {schema}.follow_timeline()")
        self.forget = self._named(_FORGET)

    def _named(self, statement: str) -> str:
        for name, value in self._names.items():
            statement = statement.replace("{" + name + "}", value)
        return statement
