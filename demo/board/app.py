"""The application, made of its routers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from photon import Photon
from photon.jobs import job_routes
from photon_lifeguard import DatabasePart
from photon_router.security import ApiKey
from photon_templates import TemplatesPart

from . import admin, api, live, pages, reports
from .dependencies import name_of_member
from .samples import SAMPLE_KEYS


def create_app(keys: Mapping[str, str] = SAMPLE_KEYS) -> Photon:
    """Create an application; its database is in the settings.

    Args:
        keys: The secret of each member who may use the routes under ``/admin``, by name.
    """
    members = ApiKey(keys, header="X-Key", name="memberKey", description="The key of a member.")
    app = Photon(spec=Path(__file__).parent / "openapi.yaml")
    app.add(DatabasePart())
    app.add(TemplatesPart())
    for module in (pages, live, api, reports):
        app.include(module.router)
    app.include(admin.router, security=[members])
    app.include(job_routes(owner=name_of_member, security=[members]))
    return app


app = create_app()
