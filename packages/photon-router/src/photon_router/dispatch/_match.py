"""Paths to operations: a radix tree over path segments.

Theory of operation. Templates are cut at their slashes and put into a tree whose edges are
segments. At each node a literal segment is preferred to one with literal parts (``v{major}``),
that to a bare parameter, and that to a catch-all, which takes the whole rest of the path; a
branch that leads nowhere is given up for the next one. So the answer depends on the templates
alone and never on the order of their declaration, and its cost on the number of segments, not of
templates. Templates without parameters are found in one dictionary look-up before.

A path is cut before it is decoded: ``%2F`` belongs to its segment, and ``+`` is no space
(RFC 3986, section 3.3).
"""

from __future__ import annotations

from typing import Generic, TypeVar

from photon_openapi.document import PARAMETER, Partial, partial_of
from photon_runtime.http import decode_percent

T = TypeVar("T")

Found = tuple[dict[str, T], list[str]]


class PathTree(Generic[T]):
    """Path templates, each with a target per method."""

    def __init__(self) -> None:
        """Begin empty."""
        self._literal: dict[str, dict[str, T]] = {}
        self._root: _Node[T] = _Node()

    def add(self, template: str, method: str, target: T, *, is_catch_all: bool = False) -> None:
        """Add ``target`` for ``method`` on ``template``.

        Args:
            template: Path with parameters in braces, ``/items/{id}``.
            method: In capitals.
            target: What `find` returns.
            is_catch_all: Whether the last segment, a parameter, takes the rest of the path.

        Raises:
            ValueError: The method is taken on an equal template.
        """
        node = self._root
        segments = template.split("/")
        for segment in segments[:-1] if is_catch_all else segments:
            node = node.child(segment)
        if is_catch_all:
            if node.rest is None:
                node.rest = {}
            targets = node.rest
        else:
            targets = node.targets
            if "{" not in template:
                self._literal[template] = targets
        if method in targets:
            raise ValueError(f"{method} {template} is declared twice")
        targets[method] = target

    def find(self, path: str) -> Found[T] | None:
        """Return the targets by method and the path's parameters, ``None`` where none fits.

        Args:
            path: As it was sent, percent-encoding included.

        Raises:
            HttpError: 400 where the percent-encoding is broken.
        """
        targets = self._literal.get(path)
        if targets is not None:
            return targets, []
        segments = path.split("/")
        if "%" in path:
            segments = [decode_percent(segment) for segment in segments]
        return self._root.find_straight(segments) or self._root.find_by_trying(segments)


class _Node(Generic[T]):
    """What may follow a beginning of a path."""

    __slots__ = ("literals", "parameter", "partial", "rest", "targets")

    def __init__(self) -> None:
        self.targets: dict[str, T] = {}
        self.literals: dict[str, _Node[T]] = {}
        self.partial: dict[Partial, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.rest: dict[str, T] | None = None

    def child(self, segment: str) -> _Node[T]:
        """Return the node behind ``segment`` of a template, making it if need be."""
        if "{" not in segment:
            return self.literals.setdefault(segment, _Node())
        if PARAMETER.fullmatch(segment):
            if self.parameter is None:
                self.parameter = _Node()
            return self.parameter
        partial = partial_of(segment)
        if partial not in self.partial:
            self.partial[partial] = _Node()
            # More literal text is more specific; equal amounts are put in a fixed order.
            ordered = sorted(self.partial, key=lambda key: (-key.literal_length, key.literals))
            self.partial = {key: self.partial[key] for key in ordered}
        return self.partial[partial]

    def find_straight(self, segments: list[str]) -> Found[T] | None:
        """Follow ``segments`` by what is preferred at each node; ``None`` where that leads nowhere.

        It mostly leads somewhere, and then it is what `find_by_trying` would find first.
        """
        values: list[str] = []
        node = self
        for segment in segments:
            child = node.literals.get(segment)
            if child is None:
                child = node.parameter
                if child is None or node.partial or not segment:
                    return None
                values.append(segment)
            node = child
        return (node.targets, values) if node.targets else None

    def find_by_trying(self, segments: list[str]) -> Found[T] | None:
        """Follow ``segments``, giving up branches that lead nowhere."""
        values: list[str] = []
        targets = self.find(segments, 0, values)
        return None if targets is None else (targets, values)

    def find(self, segments: list[str], at: int, values: list[str]) -> dict[str, T] | None:
        """Follow ``segments`` from index ``at``, adding the parameters to ``values``."""
        if at == len(segments):
            return self.targets or None
        segment = segments[at]
        literal = self.literals.get(segment)
        if literal is not None:
            found = literal.find(segments, at + 1, values)
            if found is not None:
                return found
        if segment and (self.partial or self.parameter is not None):
            found = self._find_by_parameters(segments, at, values)
            if found is not None:
                return found
        if self.rest is not None:
            values.append("/".join(segments[at:]))
            return self.rest
        return None

    def _find_by_parameters(
        self, segments: list[str], at: int, values: list[str]
    ) -> dict[str, T] | None:
        segment, before = segments[at], len(values)
        for partial, node in self.partial.items():
            taken = partial.match(segment)
            if taken is not None:
                values.extend(taken)
                found = node.find(segments, at + 1, values)
                if found is not None:
                    return found
                del values[before:]
        if self.parameter is not None:
            values.append(segment)
            found = self.parameter.find(segments, at + 1, values)
            if found is not None:
                return found
            del values[before:]
        return None
