"""Known libraries that wait in C, and the remedy for each."""

from __future__ import annotations

IN_THREADS = "__photon_in_threads__"
"""The mark of a module whose calls go to threads."""

OFFLOAD = "call it by photon_runtime.offload()"
_CLIENT = "make its objects and call them by photon_runtime.offload()"
_POLLING = f"{OFFLOAD}, with short timeouts"

REMEDIES: dict[str, str] = {
    # databases
    "MySQLdb": f"use PyMySQL, or {OFFLOAD}",
    "_mysql_connector": f"use connections with use_pure=True, or PyMySQL, or {OFFLOAD}",
    "mariadb": f"use PyMySQL, or {OFFLOAD}",
    "cx_Oracle": f"use oracledb in its thin mode, or {OFFLOAD}",
    "pyodbc": OFFLOAD,
    "pymssql": f"use python-tds, or {OFFLOAD}",
    "ibm_db": OFFLOAD,
    "teradatasql": OFFLOAD,
    "firebird.driver": OFFLOAD,
    "apsw": f"use sqlite3, or {OFFLOAD}",
    "pysqlcipher3": OFFLOAD,
    "sqlcipher3": OFFLOAD,
    "duckdb": OFFLOAD,
    "lmdb": f"{OFFLOAD}, each transaction as a whole: a writer waits for other writers",
    "plyvel": OFFLOAD,
    "rocksdb": OFFLOAD,
    "aerospike": OFFLOAD,
    "couchbase": OFFLOAD,
    "pylibmc": f"use pymemcache, or {OFFLOAD}",
    "h5py": OFFLOAD,
    # messages and calls
    "grpc": f"{_CLIENT}: offload(stub.Method, request); a server by offload(server.start)",
    "confluent_kafka": f"use kafka-python, or {_POLLING}",
    "zmq": f"wait by select.select for zmq.FD and use zmq.NOBLOCK, or {_POLLING}",
    "pynng": _POLLING,
    "posix_ipc": _POLLING,
    "sysv_ipc": _POLLING,
    "pyarrow.flight": OFFLOAD,
    # HTTP, mail, files of others
    "pycurl": f"use requests or httpx, or {OFFLOAD}",
    "curl_cffi": f"use requests or httpx, or {OFFLOAD}",
    "pyreqwest": f"use requests or httpx, or {OFFLOAD}",
    "ldap": f"use ldap3, or {OFFLOAD}",
    "gssapi": OFFLOAD,
    "ssh2": f"use paramiko, or {OFFLOAD}",
    "smbc": OFFLOAD,
    "pygit2": f"{OFFLOAD} what uses the network",
    "libvirt": OFFLOAD,
    "watchfiles": f"{OFFLOAD} watch()",
    "systemd.journal": f"wait by select.select for the reader, or {OFFLOAD}",
    # devices
    "usb1": OFFLOAD,
    "pyaudio": OFFLOAD,
    "gpiod": OFFLOAD,
    "pcapy": OFFLOAD,
}
"""The remedy for each library, by the name of its module."""


_COOPERATES = "pauses one coroutine under the patch; leave it out"
NOT_IN_THREADS: dict[str, str] = {
    "lmdb": "has transactions that belong to a thread: offload each as a whole, and leave it out",
    "psycopg": _COOPERATES,
    "psycopg2": _COOPERATES,
    "pymysql": _COOPERATES,
    "sqlite3": _COOPERATES,
    "tkinter": "belongs to one thread; leave it out",
    "curses": "belongs to one thread; leave it out",
}
"""Modules that cannot be in ``[runtime] threads``, and the reason."""


def remedy_of(name: str) -> str:
    """Return the remedy for a library of the table, the setting included."""
    if name in NOT_IN_THREADS:
        return REMEDIES[name]
    module = {"_mysql_connector": "mysql.connector"}.get(name, name)
    return f'{REMEDIES[name]}, or send its calls to threads by [runtime] threads = ["{module}"]'


FIRST_USES: dict[str, tuple[str, str, str]] = {
    "oracledb": ("init_oracle_client", "the thick mode", f"use its thin mode, or {OFFLOAD}"),
    "tkinter": ("Misc.mainloop", "mainloop()", "call update() between pauses instead"),
    "_curses": (
        "initscr",
        "reading of keys",
        "wait by select.select for the standard input, and use nodelay(True)",
    ),
}
"""For libraries of which a part waits in C: the function that begins it, and the remedy."""

ALWAYS: dict[str, str] = {"ctypes": OFFLOAD, "_ctypes": OFFLOAD}
"""The remedy for modules of Python that call other libraries, which may wait."""

_PATCH = "run the program under the patch, as photon run does: it then pauses one coroutine"
PATCHED: dict[str, str] = {
    "psycopg2": f"{_PATCH}; COPY and large objects need psycopg 3",
    "sqlite3": _PATCH,
}
"""The remedy for libraries that wait in C without the patch only."""
