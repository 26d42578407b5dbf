"""The application, made of its routers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from photon import Photon, StaticFiles
from photon_router.security import ApiKey

from . import admin, api, pages, reports
from .dependencies import StoreMiddleware
from .samples import SAMPLE_KEYS, sample_store
from .store import Store


def create_app(store: Store | None = None, keys: Mapping[str, str] = SAMPLE_KEYS) -> Photon:
    """Create an application; each has data of its own.

    Args:
        store: The boards; ``None`` creates samples.
        keys: The secret of each member who may use the routes under ``/admin``, by name.
    """
    members = ApiKey(keys, header="X-Key", name="memberKey", description="The key of a member.")
    app = Photon(spec=Path(__file__).parent / "openapi.yaml")
    app.middleware(StoreMiddleware(sample_store() if store is None else store))
    files = StaticFiles(Path(__file__).parent / "static")
    app.mount("/static", files)
    app.include(pages.pages(files))
    for module in (api, reports):
        app.include(module.router)
    app.include(admin.router, security=[members])
    return app


app = create_app()
