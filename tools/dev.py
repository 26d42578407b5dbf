"""The one entry for people and continuous integration: ``python3 tools/dev.py COMMAND``.

It needs Python 3.11 and a package index, nothing else. How the environment of a command is made,
and which versions are in it, is in ``environments.py``. While that fits, a command begins at once
in the environment's own Python.

The file must parse on any Python 3, so that an old one can look for a newer one, or say so.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

OLDEST = (3, 11)
QUICK = "--quick"
WITHOUT_SPEEDUPS = "--without-speedups"
REQUEST_PATH = ("photon-runtime", "photon-router", "photon", "photon-ws")


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

from environments import ROOT, VERSIONS, Environment, Failure, RunEnvironment, renew_locks, say  # noqa: E402
from suite import run_suite  # noqa: E402
from system_servers import install_servers  # noqa: E402


def replace_by(environment: Environment, *arguments: str, folder: Path = ROOT) -> int:
    """Become the environment's Python, with these arguments; signals then reach it directly."""
    os.chdir(folder)
    python = str(environment.python)
    os.execve(python, [python, *arguments], environment.variables())


def tool(environment: Environment, name: str, *arguments: str) -> int:
    """Run a program of the environment in the root folder and return its exit status."""
    say(" ".join([name, *arguments]))
    program = environment.python.parent / name
    return subprocess.call([program, *arguments], cwd=ROOT, env=environment.variables())


def demo(environment: Environment, rest: list[str]) -> int:
    """Serve the demo application: demo [--host HOST] [--port PORT]."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description=demo.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", default=8000, type=port_number, help="the port to listen on")
    options = parser.parse_args(rest)
    folder = ROOT / "demo"
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}", advice="get a whole copy of the repository")
    refuse_taken_port(options.host, options.port)
    if environment.versions == "locked" and not environment.is_prepared():
        environment = RunEnvironment()
    environment.prepare()
    for command in ("migrate", "seed"):
        say(f"photon db {command} in {folder.relative_to(ROOT)}")
        arguments = ["-m", "photon_cli", "db", command]
        if status := subprocess.call(
            [environment.python, *arguments], cwd=folder, env=environment.variables()
        ):
            return status
    url = f"http://{options.host}:{options.port}"
    say(f"photon run --env development in {folder.relative_to(ROOT)}, at {url}")
    say(f"jobs at {url}/photon/jobs, mails at {url}/photon/mails")
    address = ["--host", options.host, "--port", str(options.port), "--env", "development"]
    return replace_by(environment, "-m", "photon_cli", "run", *address, folder=folder)


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


def test(environment: Environment, rest: list[str]) -> int:
    """Run the tests, all or some: test [--quick] [--without-speedups] [PYTEST ARGUMENTS]."""
    environment.prepare()
    arguments = pytest_arguments(rest)
    if WITHOUT_SPEEDUPS in rest:
        os.environ["PHOTON_SPEEDUPS"] = "0"
    if set(rest) - {QUICK, WITHOUT_SPEEDUPS}:
        return replace_by(environment, "-m", "pytest", *arguments)
    return run_suite(environment.python, arguments, folder=ROOT, variables=environment.variables())


def check(environment: Environment, rest: list[str]) -> int:
    """Run all that continuous integration runs: lint, format, types, import contracts, tests."""
    environment.prepare()
    results = []
    for arguments in (
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["lint-imports"],
    ):
        started = time.monotonic()
        status = tool(environment, *arguments)
        results.append((status, time.monotonic() - started, " ".join(arguments)))
    started = time.monotonic()
    status = test(environment, rest)
    results.append((status, time.monotonic() - started, " ".join(["pytest", *rest])))
    for status, seconds, name in results:
        say(f"{'failed' if status else 'passed'}  {seconds:6.1f} s  {name}")
    failed = sum(status != 0 for status, _, _ in results)
    say(f"{failed} of {len(results)} checks failed" if failed else "everything passed")
    return 1 if failed else 0


def pytest_arguments(rest: list[str]) -> list[str]:
    """Translate the options of `test`.

    ``--quick`` is the daily run: everything but the tests that are marked as slow.
    ``--without-speedups`` runs on the Python code; alone, the packages that photon-speedups is for.
    """
    options = [each for each in rest if each in {QUICK, WITHOUT_SPEEDUPS}]
    chosen = [each for each in rest if each not in options]
    if not chosen and WITHOUT_SPEEDUPS in options:
        chosen = [f"packages/{name}" for name in REQUEST_PATH]
    return ["-m", "not slow", *chosen] if QUICK in options else chosen


def servers(environment: Environment, rest: list[str]) -> int:
    """Install the servers of the tests that no package index has, as root, on Debian or Ubuntu."""
    argparse.ArgumentParser(prog="dev.py servers", description=servers.__doc__).parse_args(rest)
    install_servers()
    return 0


def bench(environment: Environment, rest: list[str]) -> int:
    """Measure Photon beside its peers: bench [ARGUMENTS OF tools/bench]."""
    environment.prepare()
    return replace_by(environment, "tools/bench", *rest)


def sanitize(environment: Environment, rest: list[str]) -> int:
    """Check the C code with sanitizers, analysers and counts of references: sanitize [CHECK]..."""
    environment.prepare()
    return replace_by(environment, "tools/sanitizers", *rest)


def docs(environment: Environment, rest: list[str]) -> int:
    """Check the documentation: links lead somewhere, examples run: docs [PYTEST ARGUMENTS]."""
    environment.prepare()
    pages = [ROOT / "README.md", ROOT / "docs", *sorted(ROOT.glob("packages/*/README.md"))]
    examples = [str(page.relative_to(ROOT)) for page in pages if page.exists()]
    links = "integration-tests/test_documentation.py"
    return replace_by(
        environment, "-m", "pytest", "--verbose", "--no-header", links, *examples, *rest
    )


def fmt(environment: Environment, rest: list[str]) -> int:
    """Mend and format all code."""
    environment.prepare()
    return tool(environment, "ruff", "check", "--fix", *rest) | tool(
        environment, "ruff", "format", *rest
    )


def lock(environment: Environment, rest: list[str]) -> int:
    """Write the locks anew, with the newest versions; --keep changes only what it must."""
    parser = argparse.ArgumentParser(prog="dev.py lock", description=lock.__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the versions that still fit")
    renew_locks(keep=parser.parse_args(rest).keep)
    environment.prepare()
    return 0


COMMANDS: dict[str, Callable[[Environment, list[str]], int]] = {
    command.__name__: command
    for command in (demo, test, check, servers, bench, sanitize, docs, fmt, lock)
}


def main() -> int:
    """Run the command that was asked for and return its exit status."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        lines = [f"  {each:8} {command.__doc__}" for each, command in COMMANDS.items()]
        print("python3 tools/dev.py COMMAND [--versions locked|newest|oldest]\n", *lines, sep="\n")
        return 0 if name in {"-h", "--help"} else 2
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, prog=f"dev.py {name}")
    parser.add_argument("--versions", choices=VERSIONS, default="locked")
    options, rest = parser.parse_known_args(rest)
    try:
        return COMMANDS[name](Environment(options.versions), rest)
    except Failure as failure:
        print(f"dev.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
