"""What Photon uses of Jinja2 beyond its documented interface; the contract tests watch it.

- `Template._get_default_module` makes the module that ``{% import %}`` without context uses, and
  keeps it. It is replaced, so that a module with a state of its own is not shared (`_environment`).
- A compiled template knows its `Template` as the global ``__jinja_template__`` of its code, which
  finds the line of a running template (`line_of_caller`).
- `Environment._parse` makes the syntax tree of every source, and the code of ``{% with %}`` has no
  line of its own: errors in it would name an earlier one (`mark_lines`).
- The frames that Jinja2 puts into a traceback for the lines of templates have the global
  ``__jinja_exception__`` (`lines_of`).
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer


class TemplateLine(NamedTuple):
    """A line of a template.

    Attributes:
        file: Path of the file; ``<template>`` for one that has none.
        line: The number of the line.
        name: Name of the template; empty if it is unknown.
    """

    file: str
    line: int
    name: str = ""


class StatefulTemplate(Template):
    """A template whose module is made anew for each import, unless it has no state.

    Attributes:
        is_shareable: True if the module consists of macros and constants alone.
    """

    is_shareable = False

    def _get_default_module(self, ctx: Any = None) -> Any:
        if self.is_shareable:
            return super()._get_default_module(ctx)
        keys = () if ctx is None else ctx.globals_keys - self.globals.keys()
        return self.make_module({key: ctx.parent[key] for key in keys})


def mark_lines(tree: nodes.Template) -> nodes.Template:
    """Return a syntax tree whose code has the lines of all its statements."""
    marked: nodes.Template = _LineMarker().visit(tree)
    return marked


class _LineMarker(NodeTransformer):
    """Puts a statement without effect, which has a line, before those that have none."""

    def visit_With(self, node: nodes.With) -> list[nodes.Node]:  # noqa: N802  (Jinja2's name)
        """Mark the line of ``{% with %}``."""
        self.generic_visit(node)
        place = {"lineno": node.lineno, "environment": node.environment}
        return [nodes.ExprStmt(nodes.Const(None, **place), **place), node]


def line_of_caller() -> TemplateLine | None:
    """Return the line of the innermost template that is being rendered by the calling code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(frame.f_lineno)
            return TemplateLine(template.filename or "<template>", line, template.name or "")
        frame = frame.f_back
    return None


def lines_of(error: BaseException) -> Iterator[TemplateLine]:
    """Yield the lines of templates in the traceback of an error, the outermost first."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if "__jinja_exception__" in frame.f_globals:
            yield TemplateLine(frame.f_code.co_filename, line)
