"""The peers' own environment: made on demand, and again when ``peers.txt`` or Python changes.

``peers.txt`` is the lock that ``tools/dev.py lock`` writes from ``peers.in``. A peer that cannot be
installed (one of them is compiled from source) must not take the others with it: when the whole
list fails, each distribution of it is tried alone, and the server whose distribution is
missing then fails to start and is reported so. The stamp is only written when all are there.
"""

import functools
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.errors import BenchError

FOLDER = Path(__file__).resolve().parents[2] / ".venv" / "bench-peers"
PYTHON = FOLDER / "bin" / "python"
_LIST = Path(__file__).parent / "peers.txt"
_STAMP = FOLDER / "peers.stamp"
_LOG_TAIL = 500  # characters of an installer's log quoted in an error
_VERSIONS = """
import importlib.metadata, json, sys
found = {d.name.lower(): d.version for d in importlib.metadata.distributions()}
print(json.dumps({name: found.get(name.lower(), "missing") for name in sys.argv[1:]}))
"""


@functools.cache
def ensure() -> None:
    """Create or refresh the environment; at once when the stamp says it is as listed.

    Raises:
        BenchError: The environment could not be created.

    Blocks: while packages are downloaded and compiled, about a minute the first time.
    """
    stamp = hashlib.sha256(_LIST.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and _STAMP.exists() and _STAMP.read_text() == stamp:
        return
    _say(f"creating the peers' environment in {FOLDER} from {_LIST.name}")
    _must([sys.executable, "-m", "venv", "--clear", str(FOLDER)])
    if _install_all():
        _STAMP.write_text(stamp)


def versions(names: Iterable[str]) -> Mapping[str, str]:
    """Return the installed version of each distribution; "missing" without one."""
    wanted = list(names)
    if not wanted or not PYTHON.exists():
        return dict.fromkeys(wanted, "missing")
    done = _run([str(PYTHON), "-c", _VERSIONS, *wanted])
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _install_all() -> bool:
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install.append("--no-deps")  # the list is complete: what it does not pin is not installed
    if _run([*install, "-r", str(_LIST)]).returncode == 0:
        return True
    _say("the list cannot be installed at once; trying each line alone")
    complete = True
    for number, pinned in enumerate(pinned_distributions(_LIST.read_text())):
        alone = FOLDER / f"alone-{number}.txt"
        alone.write_text(pinned)
        done = _run([*install, "-r", str(alone)])
        complete = complete and done.returncode == 0
        if done.returncode != 0:
            _say(f"cannot install {pinned.split()[0]}: {done.stderr.strip()[-_LOG_TAIL:]}")
    return complete


def pinned_distributions(lock: str) -> list[str]:
    """Split a lock into the distributions that it pins, each with its hashes."""
    lines = (line for line in lock.splitlines(keepends=True) if not line.startswith("#"))
    whole = "".join(lines).replace("\\\n", "")
    return [line for line in whole.splitlines() if line.strip()]


def _must(command: list[str]) -> None:
    done = _run(command)
    if done.returncode != 0:
        tail = (done.stderr or done.stdout).strip()[-_LOG_TAIL:]
        raise BenchError(f"{' '.join(command)} ended with status {done.returncode}: {tail}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
