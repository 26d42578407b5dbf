"""The files of a JSON API: schemas, routes, and their tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import attrs

from photon_runtime.generators import Edit, RenderFile

from ..generation import Blueprints
from ._imports import import_block
from ._resource import PACKAGE, Resource

_TIMES: Final = ("created_at", "updated_at")


@attrs.frozen
class ApiFiles:
    """The API of a model.

    Attributes:
        resource: The model.
    """

    resource: Resource

    def edits(self) -> list[Edit]:
        """Return the schemas, the routes, their inclusion in the application, and the tests."""
        resource = self.resource
        package, table, singular = (
            resource.application.package_path,
            resource.name.table,
            resource.name.singular,
        )
        return [
            *resource.application.package_edits("schemas", "The values in requests and responses."),
            *resource.application.package_edits(
                "routes", "The routes, one module for each resource."
            ),
            *self._dependencies(),
            _render(f"{package}/schemas/{singular}.py", "schemas.py.jinja", self._schemas()),
            _render(f"{package}/routes/{table}.py", "routes.py.jinja", self._routes()),
            *resource.application.include_edits("routes", table),
            _render(f"tests/test_{table}.py", "test_api.py.jinja", self.test_context()),
        ]

    def _dependencies(self) -> list[Edit]:
        """Return the module of the current user, unless the project has changed it.

        Scaffolds with owners share it, and it is removed with the last of them.
        """
        application = self.resource.application
        path = f"{application.package_path}/dependencies.py"
        edit = _render(path, "dependencies.py.jinja", {}, once=True)
        if self.resource.owner is None:
            return []
        original = Blueprints(application.root, PACKAGE).render(edit.template, {}).decode()
        has_own = "current_user_id" in application.text_of(path).replace(original, "")
        return [] if has_own else [edit]

    def _schemas(self) -> dict[str, Any]:
        resource = self.resource
        module = f"{resource.layout.package}.schemas.{resource.name.singular}"
        models = resource.application.relative(resource.model_module, to=module)
        imports = {
            "from __future__ import annotations",
            "from typing import Self",
            "from typing import TypedDict",
            "import attrs",
            "from photon import closed",
            *(
                f"from {models} import {each}"
                for each in (resource.name.class_name, *resource.enums)
            ),
        }.union(
            *(field.schema_imports for field in resource.writable),
            *(field.output_imports for field in resource.fields),
        )
        if resource.has_timestamps:
            imports.add("import datetime as dt")
        return {**resource.context, "schema_imports": import_block(imports)}

    def _routes(self) -> dict[str, Any]:
        resource, cls = self.resource, self.resource.name.class_name
        package, singular = resource.layout.package, resource.name.singular
        module = f"{package}.routes.{resource.name.table}"
        models = resource.application.relative(resource.model_module, to=module)
        schemas = resource.application.relative(f"{package}.schemas.{singular}", to=module)
        names = ["Created", "Depends", "HttpError", "Json", "Query", "Router"]
        names += ["Html", "Request"] if resource.has_pages else []
        imports = {
            "from __future__ import annotations",
            "from typing import Annotated",
            "from sqlalchemy import select",
            "from sqlalchemy.orm import Session",
            *(f"from photon import {each}" for each in names),
            "from photon_lifeguard import assign",
            "from photon_lifeguard.pagination import Page",
            "from photon_lifeguard.pagination import PageParameters",
            "from photon_lifeguard.pagination import paginate",
            f"from {models} import {cls}",
            *(
                f"from {schemas} import {each}"
                for each in (f"New{cls}", f"{cls}Changes", f"{cls}Out")
            ),
        }
        if resource.has_constraints:
            imports.add("from photon_lifeguard import refuse_conflicts")
        if resource.owner is not None:
            dependencies = resource.application.relative(f"{package}.dependencies", to=module)
            imports.add(f"from {dependencies} import CurrentUserId")
        if resource.has_pages:
            imports |= {
                "from photon_templates import render_template",
                "from photon_templates import wants_html",
            }
        loaded = [field.name for field in resource.fields if field.reference]
        if resource.has_pages and loaded:
            imports.add("from sqlalchemy.orm import selectinload")
        tag = resource.name.label_plural
        return {
            **resource.context,
            "route_imports": import_block(imports),
            "router_arguments": f'prefix="{resource.name.path}", tags=["{tag}"]',
            "loading": ", ".join(f"selectinload({cls}.{name})" for name in loaded),
        }

    def test_context(self) -> dict[str, Any]:
        """Return the values of the templates of tests."""
        resource, name = self.resource, self.resource.name
        owner, writable = resource.owner, resource.writable
        uses_db = any(field.reference and not field.reference.is_self for field in writable)
        times = _TIMES if resource.has_timestamps else ()
        protected = ["id", *times, *([owner.column] if owner else [])]
        factories = {name.factory}
        factories |= {
            field.reference.target.factory
            for field in (*writable, *([owner] if owner else []))
            if field.reference and not field.reference.is_self
        }
        imports = {
            "from __future__ import annotations",
            "from typing import Any",
            "import pytest",
            "from httpx2 import Response",
            "from photon.testing import Client",
            "from photon_lifeguard import assert_queries",
            "from sqlalchemy import select",
            "from sqlalchemy.orm import Session",
            f"from {resource.model_module} import {name.class_name}",
            *(f"from tests.factories import {each}" for each in factories),
        }
        owner_imports: set[str] = set()
        if owner is not None and owner.reference is not None:
            users = resource.layout.models()[owner.reference.class_name]
            owner_imports = {
                "import pytest",
                f"from tests.factories import {owner.reference.target.factory}",
                "from collections.abc import Iterator",
                "from photon import Photon",
                f"from {resource.layout.package}.dependencies import current_user_id",
                f"from {users.module} import {users.class_name}",
            }
        # The override of the user comes first: the application is then compiled with it, once.
        user = f"user: {owner.reference.class_name}, " if owner and owner.reference else ""
        own = f"{owner.column}=user.id" if owner else ""
        return {
            **resource.context,
            "owner_imports": owner_imports,
            "test_imports": import_block(
                imports | owner_imports, own=(resource.layout.package, "tests")
            ),
            "db_parameter": "db: Session" if uses_db else "",
            "db_argument": "db" if uses_db else "",
            "db_and": "db: Session, " if uses_db else "",
            "user_and_client": f"{user}client: Client",
            "own_factory_call": f"{name.factory}({', '.join(filter(None, ['db', own]))})",
            "protected_names": _names(protected),
            "required": any(field.is_required for field in writable),
            "required_names": _names(field.column for field in writable if field.is_required),
            "invalid": [field for field in writable if field.invalid_example is not None],
            "changed": bool(writable),
            "nullable": any(field.is_nullable for field in writable),
            "nullable_names": _names(field.column for field in writable if field.is_nullable),
            "unique": any(_is_taken(field) for field in writable),
            "unique_names": _names(field.column for field in writable if _is_taken(field)),
            "references": bool(resource.references),
            "references_names": _names(field.column for field in resource.references),
        }


def _is_taken(field: Any) -> bool:
    return bool(field.is_unique and not (field.reference and field.reference.is_self))


def _names(names: Iterable[str]) -> str:
    return json.dumps(list(names))


def _render(path: str, template: str, context: dict[str, Any], *, once: bool = False) -> RenderFile:
    return RenderFile(path, f"scaffold/{template}", context, package=PACKAGE, once=once)
