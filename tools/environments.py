"""The environments of ``tools/dev.py``: how they are made, and which versions are in them.

Theory of operation. ``.venv/hatch`` holds hatch, which brings uv and virtualenv with it. An
environment is made in three steps: virtualenv makes an empty one, pip installs a list of versions
into it, and hatch adds the packages of the workspace, in place. The list is one of three::

    locked   tools/locks/default.txt: every distribution with its version and hashes  .venv/default
    newest   the newest versions that the requirements admit, of today                .venv/newest
    oldest   the oldest versions that the packages' pyproject.toml files admit        .venv/oldest

At last photon-speedups is compiled, where that is possible (``native_module.py``).

These are for developing. The demo runs in ``.venv/run``, which has only what the package photon
needs, with the same versions (``tools/locks/run.txt``), and is made by pip alone; where the
environment for developing is there, it serves as well.

A lock is one file for every Python and platform, with markers, written by ``uv pip compile
--universal``. Its first line holds a fingerprint of the requirements it was made from, so that an
environment is never made from a lock that lacks one of them. Hatch's own lock files are not used:
hatch writes them for the Python that runs it, and applies them by uv only, which does not know the
settings of pip.

The stamp of an environment remembers what it was made from. While it holds, nothing is started.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from native_module import NAME, NativeModule

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
LOCKS = ROOT / "tools" / "locks"
SPEEDUPS = ROOT / "packages" / NAME
VERSIONS = ("locked", "newest", "oldest")

_HATCH_HOME = HOME / "hatch"
_HATCH = _HATCH_HOME / "bin" / "hatch"
_OLDEST_PYTHON = "3.11"
_PARTNERS = ("opentelemetry-sdk",)  # tools that work only with their version of a dependency
_C_BUILDER = "setuptools>=77"
_FINGERPRINT = "# requirements: "
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_EXTRAS = re.compile(r"\[\s*([^\]]+?)\s*\]")


_COMPILE_ADVICE = (
    "mend the C sources, or the compiler. Continuous integration (CI=true) does not continue "
    "without the module, because its tests would be left out"
)


class Failure(Exception):
    """A step that went wrong: what happened, and what to do about it."""

    def __init__(self, what: str, *, advice: str) -> None:
        super().__init__(f"{what}\nWhat to do: {advice}")


def say(text: str) -> None:
    """Tell the reader of the terminal what happens now."""
    print(f"dev.py: {text}", flush=True)


class Environment:
    """One environment of the workspace.

    Attributes:
        versions: ``locked``, ``newest`` or ``oldest``.
        home: Its folder.
        python: Its interpreter.
    """

    def __init__(self, versions: str = "locked") -> None:
        self.versions = versions
        self.home = HOME / ("default" if versions == "locked" else versions)
        self.python = self.home / "bin" / "python"
        self._stamp = HOME / ("stamp" if versions == "locked" else f"stamp-{versions}")

    def variables(self) -> dict[str, str]:
        """The variables for what runs in the environment."""
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        variables["VIRTUAL_ENV"] = str(self.home)
        path = variables.get("PATH", os.defpath)
        variables["PATH"] = os.pathsep.join([str(self.python.parent), path])
        return variables

    def prepare(self) -> None:
        """Make the environment, unless it is there and still fits; then compile photon-speedups.

        Raises:
            Failure: a step did not work.
        """
        self._prepare_packages()
        self._build_native_module()

    def _prepare_packages(self) -> None:
        if self.is_prepared():
            return
        HOME.mkdir(exist_ok=True)
        with _only_one():
            if self.is_prepared():
                return
            started = time.monotonic()
            self._stamp.unlink(missing_ok=True)
            self._make()
            self._stamp.write_text(self._fingerprint())
            say(f"the environment is ready after {time.monotonic() - started:.0f} s")

    def _build_native_module(self) -> None:
        """Compile photon-speedups, unless it is compiled; say so where that is impossible."""
        module = NativeModule(SPEEDUPS, python=self.python)
        if module.is_built():
            return
        with _only_one():
            if module.is_built():
                return
            obstacle = module.obstacle()
            if obstacle is None:
                say(f"compiling {NAME}")
                problem = module.build()
                if problem is None:
                    return
                if os.environ.get("CI") == "true":
                    raise Failure(f"{NAME} was not compiled:\n{problem}", advice=_COMPILE_ADVICE)
                print(problem.rstrip())
                obstacle = "see the errors above"
            if problem := module.leave_out():
                raise Failure(f"pip could not install {NAME}:\n{problem}", advice=_index_advice())
            say(f"{NAME} is not compiled, and everything runs on the Python code: {obstacle}")

    def is_prepared(self) -> bool:
        """Whether the environment was made from what the tree holds now, photon-speedups aside."""
        is_made = self.python.exists() and self._stamp.exists()
        return is_made and self._stamp.read_text() == self._fingerprint()

    def _fingerprint(self) -> str:
        """Everything that the environment is made from, as one line."""
        parts = [str(ROOT), sys.version, json.dumps(_hatch_settings(), sort_keys=True)]
        for path in (*sorted(ROOT.glob("packages/*/pyproject.toml")), *sorted(LOCKS.iterdir())):
            parts += [str(path), path.read_text()]
        if self.versions == "newest":
            parts.append(date.today().isoformat())
        return _digest(parts)

    def _make(self) -> None:
        _install_hatch()
        where = self.home.relative_to(ROOT)
        say(f"making {where}: the packages of this repository, the {self.versions} versions of")
        say("their dependencies, and the tools (a minute or two the first time)")
        listed = self._list()
        shutil.rmtree(self.home, ignore_errors=True)
        # Hatch would take the packages that it has installed in the removed one for installed.
        shutil.rmtree(_HATCH_HOME / "data" / "env" / ".metadata", ignore_errors=True)
        virtualenv = [str(_HATCH_HOME / "bin" / "python"), "-m", "virtualenv", "--quiet"]
        if subprocess.call([*virtualenv, "--no-download", str(self.home)]) != 0:
            raise Failure(f"virtualenv could not make {where}", advice=_index_advice())
        _pip_install(self.python, ["--no-deps", "-r", str(listed)])
        done = subprocess.call(
            [_HATCH, "run", f"{self.home.name}:python", "-c", ""],
            cwd=ROOT,
            env=self._hatch_variables(),
        )
        if done != 0:
            raise Failure("hatch could not make the environment", advice=_index_advice())
        if self.versions == "oldest":
            # pip, which hatch calls, replaces versions that any tool finds too old.
            _pip_install(self.python, ["--no-deps", "-r", str(listed)])

    def _list(self) -> Path:
        """The list of versions that is installed, made where it has to be."""
        if self.versions == "locked":
            return _checked(LOCKS / "default.txt", requirements())
        listed = HOME / f"{self.versions}.txt"
        floors = _floors() if self.versions == "oldest" else ""
        listed.write_text(_resolved(requirements(), overrides=floors))
        return listed

    def _hatch_variables(self) -> dict[str, str]:
        """The variables for hatch: it builds the packages with a locked hatchling."""
        builder = HOME / "hatch" / "constraints.txt"
        builder.write_text("\n".join(_pins((LOCKS / "hatch.txt").read_text())))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HATCH_")}
        return kept | {
            "HATCH_DATA_DIR": str(HOME / "hatch" / "data"),
            "HATCH_CACHE_DIR": str(HOME / "hatch" / "cache"),
            "HATCH_INTERACTIVE": "0",
            "HATCH_PYTHON": sys.executable,
            "PIP_BUILD_CONSTRAINT": str(builder),
            "PIP_CONSTRAINT": str(builder),  # older pips read this one for builds, too
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }


class RunEnvironment(Environment):
    """The environment of programs that only run: what the package photon needs, and no tools."""

    def __init__(self) -> None:
        super().__init__()
        self.home = HOME / "run"
        self.python = self.home / "bin" / "python"
        self._stamp = HOME / "stamp-run"

    def _fingerprint(self) -> str:
        parts = [str(ROOT), sys.version, (LOCKS / "run.txt").read_text()]
        for path in sorted(ROOT.glob("packages/*/pyproject.toml")):
            parts += [str(path), path.read_text()]
        return _digest(parts)

    def _make(self) -> None:
        say(f"making {self.home.relative_to(ROOT)}: the packages and what they need to run")
        lock = _checked(LOCKS / "run.txt", run_requirements())
        _make_venv(self.home)
        # What is imported is compiled then; most is not.
        _pip_install(self.python, ["--no-compile", "--no-deps", "-r", str(lock)])
        folders = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
        editable = [part for each in folders if each != SPEEDUPS for part in ("-e", str(each))]
        # The builder is in the lock: isolated builds would install it once for each package.
        _pip_install(self.python, ["--no-deps", "--no-build-isolation", *editable])


# -- what is required --------------------------------------------------------------------------


def requirements() -> list[str]:
    """Every outside requirement of the workspace: the packages', their extras' and the tools'."""
    tools = _hatch_settings()["envs"]["default"]["dependencies"]
    return sorted({*tools, *package_requirements()})


def run_requirements() -> list[str]:
    """The outside requirements of the package photon, and what installs the packages in place."""
    found = {"editables", "hatchling", _C_BUILDER}
    wanted = ["photon"]
    projects = _projects()
    seen = set()
    while wanted:
        each = wanted.pop()
        if each in seen:
            continue
        seen.add(each)
        project = projects.get(_name(each))
        if project is None:
            found.add(each)
            continue
        wanted += project.get("dependencies", ())
        chosen = _EXTRAS.search(each)
        for extra in re.split(r"\s*,\s*", chosen[1]) if chosen else ():
            wanted += project["optional-dependencies"][extra]
    return sorted(found)


def _projects() -> dict[str, Mapping[str, Any]]:
    """The table ``project`` of each package of the workspace, by its name."""
    projects = {}
    for path in ROOT.glob("packages/*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        projects[_normal(project["name"])] = project
    return projects


def package_requirements() -> list[str]:
    """The outside requirements of the packages and of their extras."""
    found: set[str] = set()
    projects = _projects()
    for project in projects.values():
        found.update(project.get("dependencies", ()))
        for extra in project.get("optional-dependencies", {}).values():
            found.update(extra)
    return sorted(each for each in found if _name(each) not in projects)


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return _normal(found[0]) if found else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _hatch_settings() -> Mapping[str, Any]:
    """The table ``tool.hatch`` of the root ``pyproject.toml``."""
    text = (ROOT / "pyproject.toml").read_text()
    settings: Mapping[str, Any] = tomllib.loads(text)["tool"]["hatch"]
    return settings


# -- locks -------------------------------------------------------------------------------------


def locks() -> dict[Path, list[str]]:
    """Every lock, and the requirements that it is made from."""
    peers = (ROOT / "tools" / "bench" / "peers.in").read_text().splitlines()
    hatch = f"hatch{_hatch_settings()['requires-hatch']}"
    return {
        LOCKS / "hatch.txt": [hatch, "editables", "hatchling"],
        LOCKS / "default.txt": requirements(),
        LOCKS / "run.txt": run_requirements(),
        ROOT / "tools" / "bench" / "peers.txt": [
            line for line in peers if line and not line.startswith("#")
        ],
    }


def renew_locks(*, keep: bool = False) -> None:
    """Write every lock anew.

    Args:
        keep: Whether versions that still fit stay; otherwise all become the newest.
    """
    HOME.mkdir(exist_ok=True)
    with _only_one():
        _install_hatch()
        for path, wanted in locks().items():
            say(f"locking {path.relative_to(ROOT)}")
            kept = path.read_text() if keep and path.exists() else ""
            if path.name == "run.txt":
                kept = (LOCKS / "default.txt").read_text()  # which is written before
            text = _resolved(wanted, "--universal", "--generate-hashes", kept=kept)
            path.write_text(f"{_header(wanted)}\n{text}")


def is_up_to_date(text: str, wanted: Iterable[str]) -> bool:
    """Whether the text of a lock was made from these requirements."""
    return text.startswith(_header(wanted))


def _header(wanted: Iterable[str]) -> str:
    return f"{_FINGERPRINT}{_digest(sorted(wanted))}  (written by: tools/dev.py lock)"


def _checked(path: Path, wanted: Iterable[str]) -> Path:
    if path.exists() and is_up_to_date(path.read_text(), wanted):
        return path
    raise Failure(
        f"{path.relative_to(ROOT)} was not made from the requirements of the pyproject.toml files",
        advice="run `python3 tools/dev.py lock --keep` and commit what it writes (without --keep "
        "it takes the newest versions of everything)",
    )


def _floors() -> str:
    """The oldest versions that the packages admit of what they require themselves.

    Only those with a wheel for this Python count: most libraries say which Pythons they know by
    their wheels alone, so without that the oldest version would be one that cannot be built.
    """
    partners = [each for each in requirements() if _name(each) in _PARTNERS]
    wanted = [*package_requirements(), *partners]
    text = _resolved(wanted, "--resolution", "lowest-direct", "--only-binary", ":all:")
    direct = {_name(each) for each in wanted}
    return "\n".join(pin for pin in _pins(text) if _name(pin) in direct)


def _pins(text: str) -> list[str]:
    """The lines ``name==version ; marker`` of a lock, without hashes."""
    lines = text.splitlines()
    return [line.removesuffix("\\").rstrip() for line in lines if _PIN.match(line)]


def _resolved(
    wanted: Iterable[str], *options: str, overrides: str = "", kept: str | None = None
) -> str:
    """Resolve requirements with uv.

    Args:
        wanted: The requirements.
        options: Further options of ``uv pip compile``.
        overrides: Versions that count whatever any distribution requires.
        kept: A lock whose versions stay where they fit.
    """
    folder = HOME / "resolve"
    folder.mkdir(exist_ok=True)
    inputs, output, forced = folder / "in.txt", folder / "out.txt", folder / "overrides.txt"
    inputs.write_text("\n".join(wanted))
    forced.write_text(overrides)
    output.write_text(kept or "")
    python = (
        _OLDEST_PYTHON if "--universal" in options else ".".join(map(str, sys.version_info[:3]))
    )
    command = [
        *(str(_HATCH_HOME / "bin" / "uv"), "pip", "compile", "--quiet", "--no-config"),
        *("--no-header", "--no-annotate", "--python", str(_HATCH_HOME / "bin" / "python")),
        *("--python-version", python, "--override", str(forced), "--output-file", str(output)),
        *(*options, str(inputs)),
    ]
    if subprocess.call(command, cwd=folder, env=_uv_variables()) != 0:
        raise Failure("uv could not resolve the requirements", advice=_index_advice())
    return output.read_text()


def _uv_variables() -> dict[str, str]:
    """The variables for uv, which does not read pip's: the index and the certificates."""
    pip = [str(_HATCH_HOME / "bin" / "python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    variables = dict(os.environ)
    for line in listed.splitlines():  # global.index-url='https://…', later lines count more
        key, _, value = line.partition("=")
        name = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}.get(key.split(".")[-1])
        if name is not None:
            variables[name] = value.strip("'\"")
    return variables


# -- steps -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """SchedulerBlock the lock of ``.venv``; waits while another run holds it."""
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is making the environment; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_hatch() -> None:
    """Make ``.venv/hatch``, where its lock or Python changed, and install hatch there."""
    stamp = _HATCH_HOME / "stamp"
    lock = LOCKS / "hatch.txt"
    made_from = _digest([sys.version, lock.read_text() if lock.exists() else ""])
    if stamp.exists() and stamp.read_text() == made_from and _runs(_HATCH, "--version"):
        return
    say(f"installing hatch in {_HATCH_HOME.relative_to(ROOT)}")
    _make_venv(_HATCH_HOME)
    _pip_install(_HATCH_HOME / "bin" / "python", ["-r", str(lock)])
    stamp.write_text(made_from)


def _make_venv(home: Path) -> None:
    """Make an empty environment with pip."""
    if subprocess.call([sys.executable, "-m", "venv", "--clear", home]) != 0:
        raise Failure(
            f"{sys.executable} could not make a virtual environment in {home}",
            advice="install the venv module of this Python (on Debian and Ubuntu: "
            f"`apt install python3-venv` or `python3.{sys.version_info[1]}-venv`), "
            "see that the folder can be written, and run the command again",
        )


def _pip_install(python: Path, arguments: list[str]) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    if subprocess.call([*command, *arguments]) != 0:
        raise Failure("pip could not install what is listed", advice=_index_advice())


def _runs(program: Path, *arguments: str) -> bool:
    """Return whether a program starts and succeeds, without output."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _index_advice() -> str:
    """Advice for when packages are unavailable."""
    return (
        "read the message above. If it speaks of the network, see that a package index can be "
        "reached; behind a mirror or a proxy set PIP_INDEX_URL or HTTPS_PROXY. If it names a "
        "pyproject.toml, mend that. Otherwise remove .venv. Then run the command again"
    )
