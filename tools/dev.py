"""The one entry for people and continuous integration: ``python3 tools/dev.py COMMAND``.

It needs Python 3.11 and a package index, nothing else. ``.venv/hatch`` holds hatch; hatch makes
``.venv/default`` from the root ``pyproject.toml``, with every package of the workspace installed in
place. ``.venv/stamp`` remembers what that environment was made from: the interpreter, this folder,
hatch's settings and each package's ``pyproject.toml``. While the stamp holds, hatch is not even
started and a command begins at once in the environment's own Python. When it does not, the
environment is made anew: hatch adds missing dependencies to an old one, but does not read the
entry points of an installed package again.

The file must parse on any Python 3, so that an old one can look for a newer one, or say so.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

OLDEST = (3, 11)


def _continue_in_newer_python() -> None:
    """Run this file again in a Python that is new enough, or explain that there is none."""
    check = "import sys; sys.exit(sys.version_info < (%d, %d))" % OLDEST  # noqa: UP031  old Python
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python3.14"):
        found = shutil.which(name)
        if found and subprocess.call([found, "-c", check], stderr=subprocess.DEVNULL) == 0:
            os.execv(found, [found, *sys.argv])
    sys.exit(
        "dev.py: this is Python {}.{}, and Photon needs {}.{} or newer; none is on PATH.\n"
        "What to do: install one (python.org, your system's packages, or pyenv) and run "
        "`python3.11 tools/dev.py` again.".format(*sys.version_info[:2], *OLDEST)
    )


if sys.version_info < OLDEST:
    _continue_in_newer_python()

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
HATCH = HOME / "hatch" / "bin" / "hatch"
PYTHON = HOME / "default" / "bin" / "python"
STAMP = HOME / "stamp"


class Failure(Exception):
    """A step that went wrong: what happened, and what to do about it."""

    def __init__(self, what: str, *, advice: str) -> None:
        super().__init__(f"{what}\nWhat to do: {advice}")


def say(text: str) -> None:
    """Tell the reader of the terminal what happens now."""
    print(f"dev.py: {text}", flush=True)


def hatch_settings() -> dict[str, object]:
    """The table ``tool.hatch`` of the root ``pyproject.toml``."""
    import tomllib  # here, as an old Python must come past the head of this file

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    return dict(settings)


def fingerprint() -> str:
    """Everything that the environment is made from, as one line."""
    parts = [str(ROOT), sys.version, json.dumps(hatch_settings(), sort_keys=True)]
    for path in sorted(ROOT.glob("packages/*/pyproject.toml")):
        parts += [path.parent.name, path.read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def environment() -> dict[str, str]:
    """The variables for what runs in the environment."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    variables["VIRTUAL_ENV"] = str(PYTHON.parent.parent)
    variables["PATH"] = os.pathsep.join([str(PYTHON.parent), variables.get("PATH", os.defpath)])
    return variables


def prepare() -> None:
    """Make the environment, unless it is there and still fits.

    Raises:
        Failure: a step did not work.
    """
    if is_prepared():
        return
    HOME.mkdir(exist_ok=True)
    with only_one():
        if is_prepared():
            return
        started = time.monotonic()
        STAMP.unlink(missing_ok=True)
        if not runs(HATCH, "--version"):
            install_hatch()
        make_environment()
        STAMP.write_text(fingerprint())
        say(f"the environment is ready after {time.monotonic() - started:.0f} s")


def is_prepared() -> bool:
    """Whether the environment was made from what the tree holds now."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock of ``.venv``; waits while another run holds it."""
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is making the environment; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def runs(program: Path, *arguments: str) -> bool:
    """Whether a program starts and succeeds; says nothing."""
    try:
        return (
            subprocess.run([program, *arguments], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def install_hatch() -> None:
    """Make ``.venv/hatch`` and install hatch there."""
    wanted = f"hatch{hatch_settings()['requires-hatch']}"
    home = HATCH.parent.parent
    say(f"installing {wanted} in {home.relative_to(ROOT)}")
    if subprocess.call([sys.executable, "-m", "venv", "--clear", home]) != 0:
        raise Failure(
            f"{sys.executable} could not make a virtual environment in {home}",
            advice="install the venv module of this Python (on Debian and Ubuntu: "
            f"`apt install python3-venv` or `python{OLDEST[0]}.{sys.version_info[1]}-venv`), "
            "see that the folder can be written, and run the command again",
        )
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    if subprocess.call([*pip, "install", "-qq", wanted]) != 0:
        raise Failure(f"pip could not install {wanted}", advice=index_advice())


def make_environment() -> None:
    """Let hatch make ``.venv/default`` anew."""
    home = PYTHON.parent.parent
    say(
        f"making {home.relative_to(ROOT)} with hatch: the packages of this repository, their "
        "dependencies and the tools (a minute or two the first time)"
    )
    shutil.rmtree(home, ignore_errors=True)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HATCH_")}
    variables |= {
        "HATCH_DATA_DIR": str(HOME / "hatch" / "data"),
        "HATCH_CACHE_DIR": str(HOME / "hatch" / "cache"),
        "HATCH_INTERACTIVE": "0",
        "HATCH_PYTHON": sys.executable,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.call([HATCH, "env", "create", "default"], cwd=ROOT, env=variables)
    if done != 0 or not runs(PYTHON, "-c", ""):
        raise Failure("hatch could not make the environment", advice=index_advice())


def index_advice() -> str:
    """What to do when packages cannot be had."""
    return (
        "read the message above. If it speaks of the network, see that a package index can be "
        "reached; behind a mirror or a proxy set PIP_INDEX_URL or HTTPS_PROXY. If it names a "
        "pyproject.toml, mend that. Otherwise remove .venv. Then run the command again"
    )


def replace_by(*arguments: str, folder: Path = ROOT) -> int:
    """Become the environment's Python, with these arguments; signals then reach it directly."""
    os.chdir(folder)
    os.execve(PYTHON, [str(PYTHON), *arguments], environment())


def tool(name: str, *arguments: str) -> int:
    """Run a program of the environment in the root folder and return its exit status."""
    say(" ".join([name, *arguments]))
    return subprocess.call([PYTHON.parent / name, *arguments], cwd=ROOT, env=environment())


def demo(rest: list[str]) -> int:
    """Serve the demo application: demo [--host HOST] [--port PORT]."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description=demo.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", default=8000, type=port_number, help="the port to listen on")
    options = parser.parse_args(rest)
    folder = ROOT / "demo"
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}", advice="get a whole copy of the repository")
    refuse_taken_port(options.host, options.port)
    prepare()
    say(f"photon run in {folder.relative_to(ROOT)}, at http://{options.host}:{options.port}")
    address = ["--host", options.host, "--port", str(options.port)]
    return replace_by("-m", "photon_cli", "run", *address, folder=folder)


def port_number(text: str) -> int:
    """Read a port from the command line."""
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"got {text!r}, wanted a port between 1 and 65535")
    return int(text)


def refuse_taken_port(host: str, port: int) -> None:
    """See that an address can be listened on, before anything long is begun."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Failure(
            f"cannot listen on {host}:{port}: {error}",
            advice="stop what listens there, or choose another address, such as "
            "`dev.py demo --port 8001`",
        ) from error


def test(rest: list[str]) -> int:
    """Run every test, or what pytest is told: test [PYTEST ARGUMENTS]."""
    prepare()
    return replace_by("-m", "pytest", *rest)


def check(rest: list[str]) -> int:
    """Run all that continuous integration runs: lint, format, types, import contracts, tests."""
    prepare()
    results = []
    for arguments in (
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["lint-imports"],
        ["pytest", *rest],
    ):
        started = time.monotonic()
        status = tool(*arguments)
        results.append((status, time.monotonic() - started, " ".join(arguments)))
    for status, seconds, name in results:
        say(f"{'failed' if status else 'passed'}  {seconds:6.1f} s  {name}")
    failed = sum(status != 0 for status, _, _ in results)
    say(f"{failed} of {len(results)} checks failed" if failed else "everything passed")
    return 1 if failed else 0


def bench(rest: list[str]) -> int:
    """Measure Photon beside its peers: bench [ARGUMENTS OF tools/bench]."""
    prepare()
    return replace_by("tools/bench", *rest)


def docs(rest: list[str]) -> int:
    """Check the documentation: links lead somewhere, examples run: docs [PYTEST ARGUMENTS]."""
    prepare()
    pages = [ROOT / "README.md", ROOT / "docs", *sorted(ROOT.glob("packages/*/README.md"))]
    examples = [str(page.relative_to(ROOT)) for page in pages if page.exists()]
    links = "integration-tests/test_documentation.py"
    return replace_by("-m", "pytest", "--verbose", "--no-header", links, *examples, *rest)


def fmt(rest: list[str]) -> int:
    """Mend and format all code."""
    prepare()
    return tool("ruff", "check", "--fix", *rest) | tool("ruff", "format", *rest)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    command.__name__: command for command in (demo, test, check, bench, docs, fmt)
}


def main() -> int:
    """Run the command that was asked for and return its exit status."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        lines = [f"  {each:6} {command.__doc__}" for each, command in COMMANDS.items()]
        print("python3 tools/dev.py COMMAND\n", *lines, sep="\n")
        return 0 if name in {"-h", "--help"} else 2
    try:
        return COMMANDS[name](rest)
    except Failure as failure:
        print(f"dev.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
