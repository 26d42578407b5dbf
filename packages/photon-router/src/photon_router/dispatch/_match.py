"""Paths to operations: a radix tree over path segments.

Theory of operation. Templates are split at their slashes and added to a tree whose edges are
segments. At each node a literal segment takes precedence over one with literal parts
(``v{major}``), that over a bare parameter, and that over a catch-all, which takes the whole rest of
the path; the search backtracks from a branch that does not match. So the result depends on the
templates alone and never on the order of their declaration, and its cost on the number of segments,
not of templates. Templates without parameters are first looked up in a dictionary.

A path is split before it is decoded: ``%2F`` belongs to its segment, and ``+`` is not a space
(RFC 3986, section 3.3).
"""

from __future__ import annotations

from bisect import insort
from typing import Generic, TypeVar

from photon_openapi.document import PARAMETER, Partial, partial_of
from photon_runtime.http import decode_percent

T = TypeVar("T")

Match = tuple[dict[str, T], list[str]]


class PathTree(Generic[T]):
    """Path templates, each with a target per method."""

    __slots__ = ("_literal", "_root")

    def __init__(self) -> None:
        """Make an empty tree."""
        self._literal: dict[str, dict[str, T]] = {}
        self._root: Node[T] = Node()

    def add(self, template: str, method: str, target: T, *, is_catch_all: bool = False) -> None:
        """Add ``target`` for ``method`` on ``template``.

        Args:
            template: Path with parameters in braces, ``/items/{id}``.
            method: In capitals.
            target: The object that `find` returns.
            is_catch_all: True if the last segment, a parameter, takes the rest of the path.

        Raises:
            ValueError: An equal template has a target for the method already.
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

    def find(self, path: str) -> Match[T] | None:
        """Return the targets by method and the path's parameters, ``None`` if no template matches.

        Args:
            path: The path as it was sent, including percent-encoding.

        Raises:
            HttpError: 400 if the percent-encoding is invalid.
        """
        targets = self._literal.get(path)
        if targets is not None:
            return targets, []
        segments = path.split("/")
        if "%" in path:
            segments = [decode_percent(segment) for segment in segments]
        return self._root.find_straight(segments) or self._root.find_with_backtracking(segments)


class Node(Generic[T]):
    """The continuations of a path prefix."""

    __slots__ = ("by_partial", "literals", "parameter", "partials", "rest", "targets")

    def __init__(self) -> None:
        self.targets: dict[str, T] = {}
        self.literals: dict[str, Node[T]] = {}
        self.by_partial: dict[Partial, Node[T]] = {}
        self.partials: list[tuple[Partial, Node[T]]] = []  # the most specific first
        self.parameter: Node[T] | None = None
        self.rest: dict[str, T] | None = None

    def child(self, segment: str) -> Node[T]:
        """Return the node after ``segment`` of a template, which is made if necessary."""
        if "{" not in segment:
            return self.literals.setdefault(segment, Node())
        if PARAMETER.fullmatch(segment):
            if self.parameter is None:
                self.parameter = Node()
            return self.parameter
        partial = partial_of(segment)
        node = self.by_partial.get(partial)
        if node is None:
            node = self.by_partial[partial] = Node()
            insort(self.partials, (partial, node), key=_by_specificity)
        return node

    def find_straight(self, segments: list[str]) -> Match[T] | None:
        """Follow the preferred edge at each node; ``None`` if that does not match.

        It usually matches, and the result is then the first one of `find_with_backtracking`.
        """
        values: list[str] = []
        node = self
        for segment in segments:
            child = node.literals.get(segment)
            if child is None:
                child = node.parameter
                if child is None or node.partials or not segment:
                    return None
                values.append(segment)
            node = child
        return (node.targets, values) if node.targets else None

    def find_with_backtracking(self, segments: list[str]) -> Match[T] | None:
        """Follow ``segments``, with backtracking from branches that do not match."""
        values: list[str] = []
        targets = self.find(segments, 0, values)
        return None if targets is None else (targets, values)

    def find(self, segments: list[str], index: int, values: list[str]) -> dict[str, T] | None:
        """Follow ``segments`` from ``index`` on, adding the parameters to ``values``."""
        if index == len(segments):
            return self.targets or None
        segment = segments[index]
        literal = self.literals.get(segment)
        if literal is not None:
            targets = literal.find(segments, index + 1, values)
            if targets is not None:
                return targets
        if segment and (self.partials or self.parameter is not None):
            targets = self._find_by_parameters(segments, index, values)
            if targets is not None:
                return targets
        if self.rest is not None:
            values.append("/".join(segments[index:]))
            return self.rest
        return None

    def _find_by_parameters(
        self, segments: list[str], index: int, values: list[str]
    ) -> dict[str, T] | None:
        segment, length = segments[index], len(values)
        for partial, node in self.partials:
            values_of_segment = partial.match(segment)
            if values_of_segment is not None:
                values.extend(values_of_segment)
                targets = node.find(segments, index + 1, values)
                if targets is not None:
                    return targets
                del values[length:]
        if self.parameter is not None:
            values.append(segment)
            targets = self.parameter.find(segments, index + 1, values)
            if targets is not None:
                return targets
            del values[length:]
        return None


def _by_specificity(edge: tuple[Partial, object]) -> tuple[int, tuple[str, ...]]:
    """Return a key of the order: first more literal text, equal lengths by the text."""
    partial = edge[0]
    return -partial.literal_length, partial.literals
