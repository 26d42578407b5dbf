"""References to other files: their targets are copied into the document.

A large document is often spread over several files of one folder. It is bundled when it is loaded:
each object in another file that is referred to becomes a component of its kind, and the references
are changed to that component. So all other modules, and the clients that read the exported
document, see one that is self-contained.

Only files in the document's own folder and below are read. A reference to a file outside of it, by
``..``, by an absolute path or through a symbolic link, is not changed and is reported as a problem
like any other reference without a target; nothing is ever fetched. Each file is read once, and
circular references work, since each object becomes one component.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import attrs

from ._definitions import BASE, look_up, parts_of, tokens_of

# The kind of component that a member contains, by the name of the member; others are schemas.
_KINDS = {
    "requestBody": "requestBodies",
    "parameters": "parameters",
    "responses": "responses",
    "headers": "headers",
    "examples": "examples",
    "links": "links",
    "callbacks": "callbacks",
    "requestBodies": "requestBodies",
    "securitySchemes": "securitySchemes",
    "pathItems": "pathItems",
    "paths": "pathItems",
    "webhooks": "pathItems",
    "mediaTypes": "mediaTypes",
    "content": "mediaTypes",
}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def bundled(data: dict[str, Any], path: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    """Return a document together with the objects that it refers to in other files.

    Args:
        data: The document; it is changed.
        path: The file that the document was read from.
        read: A function that reads another file.

    Raises:
        DocumentError: ``read`` cannot read a file.
    """
    _Bundler(data, path.resolve(), read).run()
    return data


@attrs.define
class _Bundler:
    document: dict[str, Any]
    path: Path
    read: Callable[[Path], Any]
    _files: dict[Path, Any] = attrs.field(init=False, factory=dict)
    _names: dict[tuple[Path, str], str] = attrs.field(init=False, factory=dict)
    _inlined: list[tuple[str, tuple[Path, str]]] = attrs.field(init=False, factory=list)
    _pending: list[tuple[Any, Path, str]] = attrs.field(init=False, factory=list)

    def run(self) -> None:
        self._files[self.path] = self.document
        self._pending.append((self.document, self.path, ""))
        while self._pending:
            value, file, pointer = self._pending.pop()
            self._follow(value, file, pointer)

    def _follow(self, value: Any, file: Path, pointer: str) -> None:
        """Change the references within ``value``, which is in ``file``, to components."""
        parts = list(parts_of(value, pointer))
        known = {part.base for part in parts}
        for part in parts:
            reference = part.value.get("$ref")
            if isinstance(reference, str) and not _is_known(reference, part.base, known):
                kind = _kind_at(part.pointer)
                if kind == "pathItems" and not reference.startswith("#"):
                    self._inline(part.value, reference, file, part.pointer)
                else:
                    part.value["$ref"] = self._reference_to(reference, file, kind)
            for tags, tag, target in _mappings(part.value):
                if "/" in target or Path(target).suffix in (".json", ".yaml", ".yml"):
                    tags[tag] = self._reference_to(target, file, "schemas")

    def _reference_to(self, reference: str, file: Path, kind: str) -> str:
        """Return the reference to the same object within the document."""
        name, _, fragment = reference.partition("#")
        target = self._file(name, file) if name else file
        if target is None:
            return reference
        if target == self.path:
            return f"#{fragment}"
        key = (target, fragment)
        if key not in self._names:
            content = self._resolve(target, fragment)
            if content is None:
                return reference
            self._names[key] = self._add(content, target, fragment, kind)
        return self._names[key]

    def _inline(self, item: dict[str, Any], reference: str, file: Path, pointer: str) -> None:
        """Replace a reference by the path item: 3.0 has no components for path items."""
        name, _, fragment = reference.partition("#")
        target = self._file(name, file)
        content = None if target is None else self._resolve(target, fragment)
        if target is None or not isinstance(content, dict):
            return
        if any(
            key == (target, fragment)
            and (pointer == location or pointer.startswith(f"{location}/"))
            for location, key in self._inlined
        ):
            item["$ref"] = self._reference_to(reference, file, "pathItems")  # circular
            return
        self._inlined.append((pointer, (target, fragment)))
        del item["$ref"]
        item.update({**_copy(content), **item})
        self._pending.append((item, target, pointer))

    def _file(self, name: str, beside: Path) -> Path | None:
        """Return the file that a reference names, ``None`` if it may not be read."""
        if _ABSOLUTE.match(name) or "\0" in unquote(name):
            return None
        path = (beside.parent / unquote(name)).resolve()  # follows symbolic links
        if not path.is_relative_to(self.path.parent) or not path.is_file():
            return None
        return path

    def _resolve(self, file: Path, fragment: str) -> Any:
        if file not in self._files:
            self._files[file] = self.read(file)
        whole = self._files[file]
        if not fragment:
            return whole
        if fragment.startswith("/"):
            return look_up(whole, tokens_of(fragment))
        for part in parts_of(whole):
            if fragment in (part.value.get("$anchor"), part.value.get("$dynamicAnchor")):
                return part.value
        return None

    def _add(self, content: Any, file: Path, fragment: str, kind: str) -> str:
        """Add a component, and return the reference to it."""
        last = tokens_of(fragment)[-1] if "/" in fragment else fragment
        base = name = _NOT_IN_NAMES.sub("_", last or file.stem)
        components = self.document.setdefault("components", {}).setdefault(kind, {})
        number = 2
        while name in components:
            name, number = f"{base}_{number}", number + 1
        components[name] = _copy(content)
        self._pending.append((components[name], file, f"/components/{kind}/{name}"))
        return f"#/components/{kind}/{name}"


def _copy(value: Any) -> Any:
    """Copy plain data, so that the references of each component can be changed independently."""
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _is_known(reference: str, base: str, known: set[str]) -> bool:
    """Whether a reference is resolved by JSON Schema: to a schema by its URI, or within one."""
    if reference.startswith("#"):
        return bool(base)
    return urljoin(base or BASE, reference).partition("#")[0] in known


def _mappings(part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    discriminator = part.get("discriminator")
    mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    if isinstance(mapping, dict):
        for tag, target in list(mapping.items()):
            if isinstance(target, str):
                yield mapping, tag, target


def _kind_at(pointer: str) -> str:
    """Return the kind of component at a pointer of a document."""
    tokens = ["", *pointer.split("/")]
    if "schema" in tokens[:-1] or tokens[2:4] == ["components", "schemas"]:
        return "schemas"
    if len(tokens) > 2 and tokens[-3] == "callbacks":
        return "pathItems"
    member = "requestBody" if tokens[-1] == "requestBody" else tokens[-2]
    return _KINDS.get(member, "schemas")
