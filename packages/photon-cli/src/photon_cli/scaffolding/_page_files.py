"""The files of the pages of a model: handlers, templates, and their tests."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from photon_runtime.generators import Edit, GeneratorError, InsertCode, RenderFile

from ._api_files import ApiFiles
from ._fields import Field
from ._imports import import_block
from ._resource import PACKAGE, WITHOUT_INPUT, Resource
from ._shown_fields import ShownField, shown_fields

_TEMPLATES: Final = ("index", "_row", "show", "new", "edit", "delete", "_form")
_STATED_WIDGETS: Final = ("textarea", "email", "url")
"""Inputs that a form does not infer from the type of a member."""

_TEXTS: Final = ("text", *_STATED_WIDGETS)
_COLUMNS: Final = 4


@attrs.frozen
class PageFiles:
    """The pages of a model.

    Attributes:
        resource: The model.
    """

    resource: Resource

    def edits(self) -> list[Edit]:
        """Return the handlers, the templates, their entry in the navigation, and the tests.

        Raises:
            GeneratorError: The application has no templates, or a form cannot have a field that
                every row needs.
        """
        self._check()
        resource, name = self.resource, self.resource.name
        templates = resource.application.templates
        return [
            *resource.application.package_edits(
                "pages", "The pages, one module for each resource."
            ),
            _render(
                f"{resource.application.package_path}/pages/{name.table}.py",
                "pages.py.jinja",
                self._pages(),
            ),
            *resource.application.include_edits(
                "pages", name.table, alias=f"{name.singular}_pages"
            ),
            *(
                _render(
                    f"{templates}/{name.table}/{each}.html",
                    f"templates/{each}.html.jinja",
                    self._shown(),
                )
                for each in _TEMPLATES
            ),
            InsertCode(
                f"{templates}/_navigation.html",
                _navigation_entry(name.path, name.label_plural),
                before="</ul>",
                optional=True,
            ),
            _render(f"tests/test_{name.table}_pages.py", "test_pages.py.jinja", self._tests()),
        ]

    def _check(self) -> None:
        resource = self.resource
        resource.application.check_templates()
        for field in resource.writable:
            if field.input in WITHOUT_INPUT and field.is_required:
                raise GeneratorError(
                    f"{field.word}: an HTML form cannot have this field, and every row needs it:"
                    f" write {field.word}? or generate the API alone: --api"
                )

    def _pages(self) -> dict[str, Any]:
        resource, cls = self.resource, self.resource.name.class_name
        package, singular = resource.layout.package, resource.name.singular
        module = f"{package}.pages.{resource.name.table}"
        models = resource.application.relative(resource.model_module, to=module)
        schemas = resource.application.relative(f"{package}.schemas.{singular}", to=module)
        routes = resource.application.relative(f"{package}.routes.{resource.name.table}", to=module)
        changeable = f"{'Own' if resource.owner else 'Found'}{cls}"
        targets = self._targets(module)
        imports = {
            "from __future__ import annotations",
            *(f"from photon import {each}" for each in ("Html", "Redirect", "Router", "Submitted")),
            "from photon_lifeguard import assign",
            "from sqlalchemy.exc import IntegrityError",
            *(
                f"from photon_templates import {each}"
                for each in ("HtmlForm", "flash", "html_form", "render_template")
            ),
            "from sqlalchemy.orm import Session",
            f"from {models} import {cls}",
            f"from {schemas} import {resource.form_class}",
            f"from {routes} import {changeable}",
            *(target.model_import for target in targets),
        }
        widgets = ", ".join(
            f'"{field.column}": "{field.input}"'
            for field in resource.form_fields
            if field.input in _STATED_WIDGETS
        )
        if resource.has_constraints:
            imports.add("from photon_lifeguard import find_conflicts")
        if targets:
            imports.add("from sqlalchemy import select")
        if resource.owner is not None:
            dependencies = resource.application.relative(f"{package}.dependencies", to=module)
            imports.add(f"from {dependencies} import CurrentUserId")
        return {
            **resource.context,
            "page_imports": import_block(imports),
            "Form": resource.form_class,
            # A function whose name begins with test_ looks like a test.
            "form_function": f"form_of_{singular}"
            if singular.split("_")[0] == "test"
            else f"{singular}_form",
            "changeable": changeable,
            "targets": targets,
            "widgets": widgets,
        }

    def _targets(self, module: str) -> list[_Target]:
        found: dict[str, _Target] = {}
        relative = self.resource.application.relative
        for field in self.resource.references:
            if field.reference is None:
                continue
            name = field.reference.target
            if name.class_name in found:
                found[name.class_name].columns.append(field.column)
                continue
            label = self.resource.label_attribute(field)
            cls, written = name.class_name, self.resource.layout.models().get(name.class_name)
            source = written.module if written else self.resource.model_module
            found[cls] = _Target(
                variable=name.plural,
                query=f"select({cls}.id, {cls}.{label})" if label else f"select({cls}.id)",
                order=f"{cls}.{label}" if label else f"{cls}.id",
                text=f"row.{label}" if label else f'f"{name.label} {{row.id}}"',
                columns=[field.column],
                model_import=f"from {relative(source, to=module)} import {cls}",
            )
        return list(found.values())

    def _shown(self) -> dict[str, Any]:
        resource = self.resource
        details = shown_fields(resource)
        columns = [field for field in details if field.is_short][:_COLUMNS]
        first = next((field for field in resource.fields if _is_title(field)), None)
        model = resource.name.singular
        number = ShownField("Number", f"{{{{ {model}.id }}}}", is_number=False, is_short=True)
        return {
            **resource.context,
            "details": details,
            "columns": columns or [number],
            "css_id": resource.name.table.replace("_", "-"),
            "heading": f"{{{{ {model}.{first.column} }}}}"
            if first
            else f"{resource.name.label} {{{{ {model}.id }}}}",
        }

    def _tests(self) -> dict[str, Any]:
        resource, name = self.resource, self.resource.name
        context = ApiFiles(resource).test_context()
        required = [
            field for field in self.resource.form_fields if field.is_required and _is_typed(field)
        ]
        kept = [
            field
            for field in self.resource.form_fields
            if field not in required[:1] and field.input in _TEXTS
        ]
        excluded = [
            field.column for field in resource.writable if field not in self.resource.form_fields
        ]
        taken = next(
            (
                field
                for field in self.resource.form_fields
                if field.is_unique and not field.reference
            ),
            None,
        )
        imports = {
            "from __future__ import annotations",
            "from typing import Any",
            "from photon.testing import Client",
            *(["from photon.testing import read_form"] if required or taken else []),
            "from photon_lifeguard import assert_queries",
            "from photon.testing import submit_form",
            "from sqlalchemy import select",
            "from sqlalchemy.orm import Session",
            f"from {resource.model_module} import {name.class_name}",
            f"from tests.factories import {name.factory}",
            f"from tests.test_{name.table} import new_{name.singular}",
            f"from tests.test_{name.table} import other_{name.singular}",
            *context["owner_imports"],
        }
        return {
            **context,
            "test_imports": import_block(imports, own=(resource.layout.package, "tests")),
            "css_id": name.table.replace("_", "-"),
            "excluded": json.dumps(excluded) if excluded else "",
            "emptied": required[0] if required else None,
            "kept": kept[0] if kept else None,
            "taken": taken,
            "statements": 2 + len({each.name for each in resource.fields if each.reference}),
        }


@attrs.frozen
class _Target:
    """A model that a form lets people choose from."""

    variable: str
    query: str
    order: str
    text: str
    columns: list[str]
    model_import: str


def _is_title(field: Field) -> bool:
    return field.input == "text" and field.python == "str" and not field.is_nullable


def _is_typed(field: Field) -> bool:
    """Whether an empty input of the field is an error."""
    return field.input not in ("checkbox", "list", "select") and field.reference is None


def _navigation_entry(path: str, label: str) -> str:
    current = f'{{% if request and request.path == "{path}" %}} aria-current="page"{{% endif %}}'
    return f'<li><a href="{path}"{current}>{label}</a></li>'


def _render(path: str, template: str, context: dict[str, Any]) -> RenderFile:
    return RenderFile(path, f"scaffold/{template}", context, package=PACKAGE)
