"""The application of a project in its code: where it is, and what it passes to `Photon`."""

from __future__ import annotations

import ast
from pathlib import Path

import attrs

from photon_runtime.generators import GeneratorError
from photon_runtime.project import Project


@attrs.frozen
class ApplicationCode:
    """The module of an application.

    Attributes:
        path: Its file, from the project's folder.
        package: The folder of its package, from the project's folder; empty without one.
        module: The package as it is imported; empty without one.
        spec: The expression of the document that the application loads; ``None`` without one.
        constants: The strings in that expression.
        is_found: True if the module creates an application with `Photon`, once.
    """

    path: str
    package: str
    module: str
    spec: str | None
    constants: tuple[str, ...]
    is_found: bool

    @classmethod
    def of(cls, project: Project) -> ApplicationCode:
        """Find the application of a project.

        Raises:
            GeneratorError: ``photon.toml`` does not name it, or its module does not exist.
        """
        root = project.root or project.directory
        target = project.own_settings.app
        if not target:
            raise GeneratorError(
                "photon.toml has no `app` under [project]: name the application there, as in "
                'app = "blog.app:app"'
            )
        names = target.partition(":")[0].split(".")
        tried = [f"{folder}{'/'.join(names)}{end}" for folder in ("", "src/") for end in _ENDS]
        path = next((each for each in tried if (root / each).is_file()), None)
        if path is None:
            raise GeneratorError(
                f"the application `{target}` of photon.toml does not exist: looked for "
                f"{', '.join(tried)}"
            )
        return cls._read(root, path, names)

    @classmethod
    def _read(cls, root: Path, path: str, names: list[str]) -> ApplicationCode:
        try:
            tree = ast.parse((root / path).read_bytes().decode("utf-8-sig"))
        except (SyntaxError, ValueError) as error:
            raise GeneratorError(f"{path} is not Python: {error}; mend it first") from None
        is_package = path.endswith("__init__.py")
        package = str(Path(path).parent) if is_package or len(names) > 1 else ""
        module = ".".join(names if is_package else names[:-1])
        calls = [node for node in ast.walk(tree) if _is_application(node)]
        call = calls[0] if len(calls) == 1 else None
        spec = None
        for keyword in call.keywords if isinstance(call, ast.Call) else ():
            if keyword.arg == "spec":
                spec = keyword.value
        return cls(
            path,
            "" if package == "." else package,
            module,
            None if spec is None else ast.unparse(spec),
            tuple(_strings(spec)) if spec is not None else (),
            call is not None,
        )


_ENDS = (".py", "/__init__.py")


def _is_application(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return bool(name == "Photon")


def _strings(node: ast.expr) -> list[str]:
    constants = [each for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [each.value for each in constants if isinstance(each.value, str)]
