"""Generated modules that people have edited, generated again.

Theory of operation. A record has the digest of each definition as it was generated, and of its
parts: the members of a class, the arguments and the result of a handler. So three versions are
compared: as generated last time, as in the project, and as generated now.

- A definition that is as it was generated is replaced, or removed where the document has it no
  longer.
- An edited class is merged member by member, by the same rule.
- The code of an edited handler stays. What has changed in the document, and is not in its
  signature yet, is reported; and it is reported again until the signature has it.
- Everything that was not generated stays, and so does what people have removed.

Formatting is not an edit: digests leave it out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from ._existing_code import ExistingDefinition, ExistingModule, digest
from ._handler_source import RESULT
from ._import_merging import merged_imports
from ._module_code import Definition, ModuleCode, names_in

Record = dict[str, Any]
"""The record of one module: ``definitions``, and the names in ``imports``."""


@attrs.define
class MergedModule:
    """A module, merged.

    Attributes:
        text: Its new text.
        record: Its new record.
        changed: The differences that are left to people.
        conflict: The reason why it cannot be merged.
    """

    text: str
    record: Record
    changed: list[str] = attrs.field(factory=list)
    conflict: str = ""


def new_module(module: ModuleCode) -> MergedModule:
    """Return a module that does not exist yet, with its record."""
    return MergedModule(module.text(), record_of(module))


def record_of(module: ModuleCode) -> Record:
    """Return the record of a module as it is generated."""
    return {
        "definitions": {each.key: _record(each) for each in module.definitions},
        "imports": sorted(names_in(each.source for each in module.definitions)),
    }


def merge_module(module: ModuleCode, text: str, record: Record) -> MergedModule:
    """Return a module of the project, merged with its new version.

    Args:
        module: The module as it is generated now.
        text: The module as it is in the project.
        record: The record of the last run; empty for none.
    """
    mark, newline = text.startswith("\ufeff"), "\r\n" if "\r\n" in text else "\n"
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        merger = _Merger(module, ExistingModule.parse(plain), record)
        merged = merger.run()
    except (SyntaxError, ValueError) as error:
        return MergedModule(text, record, conflict=f"it is not Python: {error}; mend it first")
    merged.text = ("\ufeff" if mark else "") + merged.text.replace("\n", newline)
    return merged


def _record(definition: Definition) -> Record:
    parts = {name: digest(code) for name, code in definition.parts.items()}
    return {"digest": digest(definition.source)} | ({"parts": parts} if parts else {})


@attrs.frozen(order=False)
class _LineEdit:
    """A replacement of lines; ``number`` orders insertions at one place."""

    start: int
    end: int
    lines: Sequence[str]
    number: int = 0


@attrs.define
class _Merger:
    module: ModuleCode
    existing: ExistingModule
    record: Record
    edits: list[_LineEdit] = attrs.field(factory=list)
    changed: list[str] = attrs.field(factory=list)
    new_record: dict[str, Record] = attrs.field(factory=dict)

    def run(self) -> MergedModule:
        """Merge all definitions, then the imports."""
        known: Mapping[str, Record] = self.record.get("definitions", {})
        bound = self.existing.bound_names
        for number, each in enumerate(self.module.definitions):
            self.new_record[each.key] = _record(each)
            own = self.existing.definitions.get(each.key)
            if own is not None:
                self._update(each, own, known.get(each.key, {}))
            elif not self._is_left_out(each, known, bound):
                self._insert(number, each)
        for key, base in known.items():
            own = self.existing.definitions.get(key)
            if key not in self.new_record and own is not None:
                self._remove(key, own, base)
        text = self._edited()
        names = names_in(each.source for each in self.module.definitions)
        text = merged_imports(
            text, names, self.module.origins, generated=self.record.get("imports", ())
        )
        imports = sorted(names_in([text]) & (names | set(self.record.get("imports", ()))))
        return MergedModule(
            text, {"definitions": self.new_record, "imports": imports}, self.changed
        )

    def _is_left_out(
        self, definition: Definition, known: Mapping[str, Record], bound: set[str]
    ) -> bool:
        """Return true if people have removed a definition, or have one of the same name."""
        if definition.key.startswith("operation "):
            return False
        is_statement = not definition.key.isidentifier()
        return definition.key in bound or (is_statement and definition.key in known)

    def _is_unedited(self, own: ExistingDefinition, base: Record) -> bool:
        return bool(base) and digest(own.source) == base["digest"]

    # -- definitions --------------------------------------------------------------------------

    def _update(self, new: Definition, own: ExistingDefinition, base: Record) -> None:
        fresh = self.new_record[new.key]
        current = digest(own.source)
        if current == fresh["digest"]:
            return
        if base and current == base["digest"]:
            self.edits.append(_LineEdit(own.start, own.end, new.source.split("\n")))
        elif isinstance(own.node, ast.ClassDef) and new.parts:
            self._merge_members(new, own.node.body, base.get("parts", {}))
        elif isinstance(own.node, ast.FunctionDef) and new.parts:
            self._compare_signature(new, own, base)
        elif fresh != base and not isinstance(own.node, ast.FunctionDef):
            self.changed.append(f"`{new.key}` was edited; in the document it is now: {new.source}")

    def _insert(self, number: int, new: Definition) -> None:
        earlier = self.module.definitions[:number]
        keys = [each.key for each in reversed(earlier) if each.key in self.existing.definitions]
        is_block = new.source.startswith(("def ", "class ", "@"))
        if keys:
            before = self.existing.definitions[keys[0]]
            was_block = isinstance(before.node, ast.FunctionDef | ast.ClassDef)
            position = before.end
        else:
            was_block, position = True, _end_of_code(self.existing)
        gap = ["", ""] if is_block or was_block else []
        self.edits.append(_LineEdit(position, position, [*gap, *new.source.split("\n")], number))

    def _remove(self, key: str, own: ExistingDefinition, base: Record) -> None:
        name = getattr(own.node, "name", key)
        if self._is_unedited(own, base) and not self.existing.has_comment_above(own):
            start = own.start
            if isinstance(own.node, ast.FunctionDef | ast.ClassDef):
                while start and not self.existing.lines[start - 1].strip():
                    start -= 1
            self.edits.append(_LineEdit(start, own.end, []))
        elif key.startswith("operation "):
            self.new_record[key] = base
            self.changed.append(
                f"the document has no operation `{key.removeprefix('operation ')}` any more: "
                f"remove `{name}`, or restore the operation"
            )
        else:
            self.changed.append(f"the document has no `{name}` any more: remove it if it is unused")

    # -- members ------------------------------------------------------------------------------

    def _merge_members(
        self, new: Definition, body: Sequence[ast.stmt], base: Mapping[str, str]
    ) -> None:
        members = {
            node.target.id: node
            for node in body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        position = self._before_members(body[0])
        for number, (name, code) in enumerate(new.parts.items()):
            node = members.get(name)
            if node is not None:
                position = node.end_lineno or position
                self._update_member(new.key, name, code, node, base)
            elif name not in base:
                self.edits.append(_LineEdit(position, position, code.split("\n"), number))
        for name in base:
            if name in members and name not in new.parts:
                self._remove_member(new.key, name, members[name], base[name])

    @staticmethod
    def _before_members(first: ast.stmt) -> int:
        is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        return (first.end_lineno or 0) if is_docstring else first.lineno - 1

    def _source(self, node: ast.stmt) -> str:
        return "\n".join(self.existing.lines[node.lineno - 1 : node.end_lineno])

    def _update_member(
        self, owner: str, name: str, code: str, node: ast.stmt, base: Mapping[str, str]
    ) -> None:
        current, fresh = digest(self._source(node)), digest(code)
        if current == fresh:
            return
        if current == base.get(name):
            lines = code.split("\n")
            self.edits.append(_LineEdit(node.lineno - 1, node.end_lineno or 0, lines))
        elif fresh != base.get(name):
            self.new_record[owner]["parts"][name] = base.get(name, "")
            self.changed.append(
                f"`{owner}.{name}` was edited; in the document it is now `{' '.join(code.split())}`"
            )

    def _remove_member(self, owner: str, name: str, node: ast.stmt, base: str) -> None:
        if digest(self._source(node)) == base:
            self.edits.append(_LineEdit(node.lineno - 1, node.end_lineno or 0, []))
        else:
            self.new_record[owner]["parts"][name] = base
            self.changed.append(
                f"the document has no member `{owner}.{name}` any more: remove it, or restore it "
                "in the document"
            )

    # -- signatures ---------------------------------------------------------------------------

    def _compare_signature(self, new: Definition, own: ExistingDefinition, base: Record) -> None:
        """Report what an edited handler lacks of its operation, until it has it."""
        reasons = list(_differences(new, own, base.get("parts", {})))
        if reasons:
            if base:
                self.new_record[new.key] = base
            name = getattr(own.node, "name", new.key)
            self.changed.append(f"`{name}`: {'; '.join(reasons)}")

    def _edited(self) -> str:
        lines = list(self.existing.lines)
        for edit in sorted(self.edits, key=lambda e: (e.start, e.end, e.number), reverse=True):
            lines[edit.start : edit.end] = edit.lines
        return "\n".join(lines)


def _differences(
    new: Definition, own: ExistingDefinition, base: Mapping[str, str]
) -> Iterator[str]:
    """Yield what has changed in the document since the last run and is not in a signature."""
    arguments = own.arguments
    for name, code in new.parts.items():
        fresh = digest(code)
        if name == RESULT:
            if fresh not in (base.get(RESULT), digest(own.result or "None")):
                yield f"its result is now `{code}`"
        elif name not in base and name not in arguments:
            yield f"add the argument `{name}: {code}`"
        elif name in base and fresh != base[name] and digest(arguments.get(name, "None")) != fresh:
            yield f"its argument is now `{name}: {code}`"
    for name in base:
        if name != RESULT and name not in new.parts and name in arguments:
            yield f"the operation has no `{name}` any more: remove the argument"


def _end_of_code(existing: ExistingModule) -> int:
    """Return the index of the line after the last one that is not blank."""
    end = len(existing.lines)
    while end and not existing.lines[end - 1].strip():
        end -= 1
    return end
