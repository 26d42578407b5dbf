"""Libraries that wait in C, where no patch reaches them: a warning when one is imported.

Theory of operation. Such a library blocks the thread, so that no other task runs; and if it waits
for what another task of the process would do, for ever. That cannot be changed from outside, but
it must not happen in silence. So the import of a known one is logged, once, with the remedy. The
watchdog names the others when they block.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

_log = logging.getLogger("photon.runtime.patch")

_OFFLOAD = "call it by photon_runtime.offload()"
_CLIENT = "make its objects and call them by photon_runtime.offload()"
_POLLING = f"{_OFFLOAD}, with short timeouts"

REMEDIES: dict[str, str] = {
    # databases
    "MySQLdb": f"use PyMySQL, or {_OFFLOAD}",
    "_mysql_connector": f"use connections with use_pure=True, or PyMySQL, or {_OFFLOAD}",
    "mariadb": f"use PyMySQL, or {_OFFLOAD}",
    "cx_Oracle": f"use oracledb in its thin mode, or {_OFFLOAD}",
    "pyodbc": _OFFLOAD,
    "pymssql": f"use python-tds, or {_OFFLOAD}",
    "ibm_db": _OFFLOAD,
    "teradatasql": _OFFLOAD,
    "firebird.driver": _OFFLOAD,
    "apsw": f"use sqlite3, or {_OFFLOAD}",
    "pysqlcipher3": _OFFLOAD,
    "sqlcipher3": _OFFLOAD,
    "duckdb": _OFFLOAD,
    "lmdb": f"{_OFFLOAD}, each transaction as a whole: a writer waits for other writers",
    "plyvel": _OFFLOAD,
    "rocksdb": _OFFLOAD,
    "aerospike": _OFFLOAD,
    "couchbase": _OFFLOAD,
    "pylibmc": f"use pymemcache, or {_OFFLOAD}",
    "h5py": _OFFLOAD,
    # messages and calls
    "grpc": f"{_CLIENT}: offload(stub.Method, request); a server by offload(server.start)",
    "confluent_kafka": f"use kafka-python, or {_POLLING}",
    "zmq": f"wait by select.select for zmq.FD and use zmq.NOBLOCK, or {_POLLING}",
    "pynng": _POLLING,
    "posix_ipc": _POLLING,
    "sysv_ipc": _POLLING,
    "pyarrow.flight": _OFFLOAD,
    # HTTP, mail, files of others
    "pycurl": f"use requests or httpx, or {_OFFLOAD}",
    "curl_cffi": f"use requests or httpx, or {_OFFLOAD}",
    "pyreqwest": f"use requests or httpx, or {_OFFLOAD}",
    "ldap": f"use ldap3, or {_OFFLOAD}",
    "gssapi": _OFFLOAD,
    "ssh2": f"use paramiko, or {_OFFLOAD}",
    "smbc": _OFFLOAD,
    "pygit2": f"{_OFFLOAD} what uses the network",
    "libvirt": _OFFLOAD,
    "watchfiles": f"{_OFFLOAD} watch()",
    "systemd.journal": f"wait by select.select for the reader, or {_OFFLOAD}",
    # devices
    "usb1": _OFFLOAD,
    "pyaudio": _OFFLOAD,
    "gpiod": _OFFLOAD,
    "pcapy": _OFFLOAD,
}
"""The remedy for each library, by the name of its module."""


FIRST_USES: dict[str, tuple[str, str, str]] = {
    "oracledb": ("init_oracle_client", "the thick mode", f"use its thin mode, or {_OFFLOAD}"),
    "tkinter": ("Misc.mainloop", "mainloop()", "call update() between pauses instead"),
    "_curses": (
        "initscr",
        "reading of keys",
        "wait by select.select for the standard input, and use nodelay(True)",
    ),
}
"""For libraries of which a part waits in C: the function that begins it, and the remedy."""


def hooks() -> dict[str, Callable[[ModuleType], object]]:
    """Return the functions to call when one of the libraries is imported."""
    return {
        **{name: functools.partial(_warn, name, remedy) for name, remedy in REMEDIES.items()},
        **{name: functools.partial(_watch, name, *use) for name, use in FIRST_USES.items()},
    }


def _warn(name: str, remedy: str, _: object = None) -> None:
    _log.warning(
        "%s waits in C: it blocks all coroutines of its thread while it does; %s "
        "(docs/waiting-in-c.md)",
        name,
        remedy,
    )


def _watch(name: str, path: str, part: str, remedy: str, module: Any) -> None:
    """Warn at the first call of a function of ``module``, or of one of its classes."""
    *owners, function = path.split(".")
    owner = functools.reduce(getattr, owners, module)
    original = getattr(owner, function)

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if getattr(owner, function) is watched:
            setattr(owner, function, original)
            _warn(f"{part} of {name.removeprefix('_')}", remedy)
        return original(*args, **kwargs)

    setattr(owner, function, watched)
