"""The house rules that no other tool holds: what every package is, has and leaves alone."""

import ast
import importlib
import inspect
import itertools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from types import FunctionType, ModuleType

import attrs
import pytest

ROOT = Path(__file__).resolve().parent.parent


@attrs.frozen
class Package:
    """One folder of packages/."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        return self.folder / "src" / self.module

    @property
    def project(self) -> dict[str, object]:
        table = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        assert isinstance(table, dict)
        return table

    @property
    def requirements(self) -> dict[str, str]:
        """What the package declares: normal name of the distribution → version wanted."""
        declared = self.project["dependencies"]
        assert isinstance(declared, list)
        return requirements(declared)

    @property
    def optional(self) -> dict[str, str]:
        """What its extras declare, likewise."""
        extras = self.project.get("optional-dependencies", {})
        assert isinstance(extras, dict)
        return requirements([line for lines in extras.values() for line in lines])

    def modules(self) -> list[Path]:
        return sorted(self.source.rglob("*.py"))


def requirements(declared: list[str]) -> dict[str, str]:
    found = (re.match(r"([\w.-]+)(?:\[.*?\])?\s*(.*)", line) for line in declared)
    return {normal(match[1]): match[2] for match in found if match}


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


PACKAGES = [Package(path.parent) for path in sorted(ROOT.glob("packages/*/pyproject.toml"))]
MODULES = {package.module for package in PACKAGES}
INSTALLED = packages_distributions()

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


def test_all_packages_have_one_version() -> None:
    assert len({package.project["version"] for package in PACKAGES}) == 1


@each_package
def test_packages_ask_each_other_for_their_own_version(package: Package) -> None:
    version = package.project["version"]
    pin = f"=={version}" if package.name == "photon" else f"~={version}"
    siblings = {each.name for each in PACKAGES} & package.requirements.keys()
    assert {name: package.requirements[name] for name in siblings} == dict.fromkeys(siblings, pin)


def test_the_whole_asks_for_every_part_but_the_one_that_needs_a_compiler() -> None:
    [whole] = [package for package in PACKAGES if package.name == "photon"]
    parts = {package.name for package in PACKAGES} - {"photon", "photon-speedups"}
    assert parts <= whole.requirements.keys()
    assert "photon-speedups" not in whole.requirements
    assert whole.optional["photon-speedups"] == f"=={whole.project['version']}"


@each_package
def test_a_package_folder_is_complete(package: Package) -> None:
    assert (package.folder / "README.md").read_text().startswith(f"# {package.name}\n")
    assert (package.source / "py.typed").read_bytes() == b""
    assert list(package.folder.glob("tests/test_*.py"))


def test_test_files_have_names_of_their_own() -> None:
    paths = [*ROOT.glob("packages/*/tests/**/*.py")]
    names = [path.name for path in paths if path.name not in {"__init__.py", "conftest.py"}]
    assert sorted(names) == sorted(set(names))
    # pytest and mypy know the files of a package of tests by its name.
    folders = [path.parent.name for path in paths if path.name == "__init__.py"]
    assert sorted(folders) == sorted(set(folders))
    conftests = [path.parent for path in paths if path.name == "conftest.py"]
    assert all((folder / "__init__.py").exists() for folder in conftests)


def packages_below(package: Package) -> list[Package]:
    """Return the packages that ``package`` requires, and those that these require."""
    below = [each for each in PACKAGES if each.name in package.requirements]
    return below + [lower for each in below for lower in packages_below(each)]


def subjects(package: Package) -> set[str]:
    """Return what a test file may be named after: modules, folders and public names."""
    found = {name.lower() for name in vars(importlib.import_module(package.module))}
    for path in package.modules():
        parts = [part.strip("_") for part in path.relative_to(package.source).with_suffix("").parts]
        parts = [part for part in parts if part != "init"]
        spans = itertools.combinations(range(len(parts) + 1), 2)
        found |= {"_".join(parts[start:end]) for start, end in spans}
    return found


@each_package
def test_a_test_file_is_named_after_what_it_tests(package: Package) -> None:
    known = set().union(*map(subjects, [package, *packages_below(package)]))
    prefix = f"test_{package.name.removeprefix('photon-')}_"
    unknown = []
    for path in sorted(package.folder.glob("tests/**/test_*.py")):
        assert path.name.startswith(prefix), path
        words = path.stem.removeprefix(prefix).split("_")
        names = {"_".join(words[:end]) for end in range(1, len(words) + 1)}
        if not names & known and ast.get_docstring(ast.parse(path.read_text())) is None:
            unknown.append(path.name)
    assert not unknown, (
        f"{package.name} has no module, folder or public name for {unknown}: rename the file. If "
        "it tests a property of several modules, open it with a docstring that states the property"
    )


LEAVES_THE_WORLD_ALONE = """
import select, socket, ssl, subprocess, sys, threading, time
def world():
    places = (select, socket, ssl, subprocess, threading, time)
    parts = {(place.__name__, name): value for place in places
             for name, value in vars(place).items() if not name.startswith("__")}
    return parts, threading.active_count(), list(sys.path)
before = world()
import MODULE
after = world()
changed = [key for key in before[0] if after[0].get(key) is not before[0][key]]
assert not changed, f"importing MODULE changed {changed}"
assert after[1:] == before[1:], "importing MODULE started a thread or changed sys.path"
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@each_package
def test_a_package_imports_alone_and_leaves_the_standard_library_alone(package: Package) -> None:
    script = LEAVES_THE_WORLD_ALONE.replace("MODULE", package.module)
    command = [sys.executable, "-I", "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"gevent", "eventlet", "anyio", "trio", "uvloop"})
    allowed = {name.replace("-", "_") for name in package.requirements} | {package.module}
    assert loaded & MODULES <= allowed | {"photon_speedups"}  # which photon_runtime looks for


def test_one_module_knows_whether_the_optional_package_is_installed() -> None:
    """It imports the module by its name in a string, which no contract of import-linter sees."""
    named = {
        str(path.relative_to(package.source.parent))
        for package in PACKAGES
        if package.name != "photon-speedups"
        for path in package.modules()
        if "photon_speedups" in path.read_text()
    }
    assert named == {"photon_runtime/speedups.py"}


@each_package
def test_no_function_is_async(package: Package) -> None:
    coloured = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in package.modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, coloured)
    ]
    assert found == []


@each_package
def test_a_package_imports_only_what_it_declares(package: Package) -> None:
    allowed = {package.module, "_typeshed", *sys.stdlib_module_names}  # _typeshed: for mypy only
    declared = package.requirements.keys() | package.optional.keys()
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in package.modules()
        for name in imports(path) - allowed
        if not declared & distributions(name)
    }
    assert undeclared == set()


@each_package
def test_a_package_can_be_imported_without_what_its_extras_bring(package: Package) -> None:
    modules = [name for name in INSTALLED if distributions(name) & package.optional.keys()]
    program = f"import sys; sys.modules.update(dict.fromkeys({modules})); import {package.module}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@each_package
def test_a_package_uses_what_it_declares(package: Package) -> None:
    imported = {name for path in package.modules() for name in imports(path)}
    imported |= {name for path in package.source.rglob("*.[ch]") for name in includes(path)}
    used = {home for name in imported for home in distributions(name)}
    # The whole depends on what brings commands and parts, so that installing it brings them.
    brought = {"photon-cli", "photon-openapi", "photon-templates"}
    assert package.requirements.keys() - used <= brought


@each_package
def test_the_tests_of_a_package_need_no_package_above_it(package: Package) -> None:
    """They pass where it is installed with what it declares, and nothing else of Photon."""
    allowed = {package.name} | lower_packages(package)
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in package.folder.glob("*tests/**/*.py")
        for name in imports(path) & MODULES
        if name.replace("_", "-") not in allowed
    }
    assert foreign == set()


def lower_packages(package: Package) -> set[str]:
    """The packages that one installs with itself."""
    found: set[str] = set()
    for each in PACKAGES:
        if each.name in package.requirements:
            found |= {each.name} | lower_packages(each)
    return found


def test_documents_are_linted_without_a_router(tmp_path: Path) -> None:
    """``pip install photon-openapi photon-cli`` is enough."""
    document = tmp_path / "openapi.json"
    document.write_text('{"openapi": "3.1.0", "info": {"title": "A"}, "paths": {}}')
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['photon', 'photon_router']));"
        "from photon_cli.main import main; main()"
    )
    command = [sys.executable, "-c", program, "openapi", "lint", str(document)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "lacks 'version' [structure]" in done.stdout, done.stderr
    assert done.returncode == 1


@each_package
def test_no_module_reaches_for_a_private_module_of_another_folder(package: Package) -> None:
    """A folder's ``__init__`` exports what others may use; import-linter has no such contract.

    A private module is visible in the folder that it is in, folders below it included.
    """
    found = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in package.modules()
        for module in [module_name(path)]
        for target in private_targets(path, module)
    ]
    assert found == []


def test_the_imports_of_private_modules_are_found(tmp_path: Path) -> None:
    source = tmp_path / "sample.py"
    source.write_text(
        "from ..schema import SchemaCheck\n"
        "from ..schema._check import SchemaCheck\n"
        "from ..schema import _check\n"
        "from ._mock import Mock\n"
        "from .._upload import UploadFile\n"
        "from photon_openapi.schema._check import SchemaCheck\n"
        "import photon_openapi.schema._check\n"
        "def late():\n"
        "    from ..responses._encoders import Encoder\n"
    )
    assert list(private_targets(source, "photon_router.mock._sample")) == [
        "photon_router.schema._check",
        "photon_router.schema._check",
        "photon_openapi.schema._check",
        "photon_openapi.schema._check",
        "photon_router.responses._encoders",
    ]


def module_name(path: Path) -> str:
    """The dotted name of a source file; that of a package ends in ``__init__``."""
    parts = path.with_suffix("").parts
    return ".".join(parts[parts.index("src") + 1 :])


def private_targets(path: Path, module: str) -> Iterator[str]:
    """The private modules of other folders that a module imports."""
    folder = module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        for target in imported(node, folder):
            first = next((n for n, name in enumerate(target) if name.startswith("_")), None)
            if first is not None and target[0] in MODULES and folder[:first] != target[:first]:
                yield ".".join(target[: first + 1])


def imported(node: ast.AST, folder: list[str]) -> Iterator[list[str]]:
    """What one statement imports: modules, or names that may be modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = folder[: len(folder) - node.level + 1] if node.level else []
        home = [*base, *(node.module.split(".") if node.module else [])]
        if any(name.startswith("_") for name in home):
            yield home
        else:
            yield from ([*home, alias.name] for alias in node.names)


def imports(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def includes(path: Path) -> set[str]:
    """The headers that a C file includes, without their suffix: greenlet has one of its name."""
    return set(re.findall(r"^#include [<\"](\w+)\.h", path.read_text(), re.MULTILINE))


def distributions(module: str) -> set[str]:
    """Where a top-level module comes from; what is installed in place lists no modules."""
    if module in MODULES:
        return {module.replace("_", "-")}
    return {normal(name) for name in INSTALLED.get(module, [])}


@each_package
def test_every_public_name_has_a_docstring(package: Package) -> None:
    bare = {
        name
        for module in public_modules(package)
        for name, value in documentable(module)
        if not inspect.getdoc(value)
    }
    assert sorted(bare) == []


def public_modules(package: Package) -> Iterator[ModuleType]:
    for path in package.modules():
        parts = path.relative_to(package.source.parent).with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(name.startswith("_") for name in names):
            yield importlib.import_module(".".join(names))


def documentable(module: ModuleType) -> Iterator[tuple[str, object]]:
    """A public module, its public functions and classes, and their public methods."""
    yield module.__name__, module
    for name, value in vars(module).items():
        home = getattr(value, "__module__", "") or ""
        if name.startswith("_") or home.partition(".")[0] not in MODULES:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            yield f"{home}.{name}", value
        if inspect.isclass(value):
            yield from methods(f"{home}.{name}", value)


def methods(name: str, owner: type) -> Iterator[tuple[str, object]]:
    kinds = (FunctionType, property, classmethod, staticmethod)
    for key, member in vars(owner).items():
        if isinstance(member, kinds) and not key.startswith("_"):
            yield f"{name}.{key}", getattr(owner, key)
