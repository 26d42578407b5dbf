"""References into other files: what they lead to is put into the document.

A large document is often spread over several files of one folder. It is bundled when it is loaded:
each thing in another file that is referred to becomes a component of its kind, and the references
lead there. So all the rest of the package, and whoever gets the exported document, sees one that
stands alone.

Only files in the document's own folder and below are read. A reference that leads out of it, by
``..``, by an absolute path or through a symbolic link, is left as it is and told as a problem like
any other reference that leads nowhere; nothing is ever fetched. The same file is read once, and
references in a circle are no trouble, since each thing becomes one component.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import attrs

from ._definitions import BASE, look_up, parts_of, steps_of

# What a member holds, where its name does not say it: the kind of component.
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
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def bundled(data: dict[str, Any], path: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    """Return a document with all that it refers to in files beside it.

    Args:
        data: The document; it is changed.
        path: Where it was read from.
        read: Reads another file.

    Raises:
        DocumentError: ``read`` cannot read one.
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
    _waiting: list[tuple[Any, Path, str]] = attrs.field(init=False, factory=list)

    def run(self) -> None:
        self._files[self.path] = self.document
        self._waiting.append((self.document, self.path, ""))
        while self._waiting:
            value, file, pointer = self._waiting.pop()
            self._follow(value, file, pointer)

    def _follow(self, value: Any, file: Path, pointer: str) -> None:
        """Lead the references within ``value``, which stands in ``file``, into the document."""
        parts = list(parts_of(value, pointer))
        known = {part.base for part in parts}
        for part in parts:
            reference = part.value.get("$ref")
            if isinstance(reference, str) and not _is_known(reference, part.base, known):
                kind = _kind_at(part.pointer)
                if kind == "pathItems" and not reference.startswith("#"):
                    self._inline(part.value, reference, file, part.pointer)
                else:
                    part.value["$ref"] = self._led(reference, file, kind)
            for tags, tag, target in _mapped(part.value):
                if "/" in target or Path(target).suffix in (".json", ".yaml", ".yml"):
                    tags[tag] = self._led(target, file, "schemas")

    def _led(self, reference: str, file: Path, kind: str) -> str:
        """Return the reference that leads to the same thing within the document."""
        name, _, fragment = reference.partition("#")
        target = self._file(name, file) if name else file
        if target is None:
            return reference
        if target == self.path:
            return f"#{fragment}"
        key = (target, fragment)
        if key not in self._names:
            found = self._found(target, fragment)
            if found is None:
                return reference
            self._names[key] = self._added(found, target, fragment, kind)
        return self._names[key]

    def _inline(self, item: dict[str, Any], reference: str, file: Path, pointer: str) -> None:
        """Write a path item out where it is referred to: 3.0 has no components for them."""
        name, _, fragment = reference.partition("#")
        target = self._file(name, file)
        found = None if target is None else self._found(target, fragment)
        if target is None or not isinstance(found, dict):
            return
        if any(
            key == (target, fragment) and (pointer == place or pointer.startswith(f"{place}/"))
            for place, key in self._inlined
        ):
            item["$ref"] = self._led(reference, file, "pathItems")  # in a circle
            return
        self._inlined.append((pointer, (target, fragment)))
        del item["$ref"]
        item.update({**_copy(found), **item})
        self._waiting.append((item, target, pointer))

    def _file(self, name: str, beside: Path) -> Path | None:
        """Return the file that a reference names, ``None`` where it may not be read."""
        if _ELSEWHERE.match(name) or "\0" in unquote(name):
            return None
        path = (beside.parent / unquote(name)).resolve()  # follows symbolic links
        if not path.is_relative_to(self.path.parent) or not path.is_file():
            return None
        return path

    def _found(self, file: Path, fragment: str) -> Any:
        if file not in self._files:
            self._files[file] = self.read(file)
        whole = self._files[file]
        if not fragment:
            return whole
        if fragment.startswith("/"):
            return look_up(whole, steps_of(fragment))
        for part in parts_of(whole):
            if fragment in (part.value.get("$anchor"), part.value.get("$dynamicAnchor")):
                return part.value
        return None

    def _added(self, found: Any, file: Path, fragment: str, kind: str) -> str:
        """Add a component, and return the reference to it."""
        last = steps_of(fragment)[-1] if "/" in fragment else fragment
        wanted = name = _NOT_IN_NAMES.sub("_", last or file.stem)
        components = self.document.setdefault("components", {}).setdefault(kind, {})
        number = 2
        while name in components:
            name, number = f"{wanted}_{number}", number + 1
        components[name] = _copy(found)
        self._waiting.append((components[name], file, f"/components/{kind}/{name}"))
        return f"#/components/{kind}/{name}"


def _copy(value: Any) -> Any:
    """Copy plain data, so that each component's references can be changed for itself."""
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _is_known(reference: str, base: str, known: set[str]) -> bool:
    """Whether it is one to a schema by its URI, or within one: JSON Schema's own business."""
    if reference.startswith("#"):
        return bool(base)
    return urljoin(base or BASE, reference).partition("#")[0] in known


def _mapped(part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    discriminator = part.get("discriminator")
    mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    if isinstance(mapping, dict):
        for tag, target in list(mapping.items()):
            if isinstance(target, str):
                yield mapping, tag, target


def _kind_at(pointer: str) -> str:
    """Return the kind of component that stands at a place of a document."""
    steps = ["", *pointer.split("/")]
    if "schema" in steps[:-1] or steps[2:4] == ["components", "schemas"]:
        return "schemas"
    if len(steps) > 2 and steps[-3] == "callbacks":
        return "pathItems"
    member = "requestBody" if steps[-1] == "requestBody" else steps[-2]
    return _KINDS.get(member, "schemas")
