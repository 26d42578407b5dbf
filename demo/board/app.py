"""The application: its parts, wired."""

from __future__ import annotations

from pathlib import Path

from photon import Photon

from . import admin, api, pages, reports
from .dependencies import StoreMiddleware
from .samples import sample_store
from .store import Store


def create_app(store: Store | None = None) -> Photon:
    """Make an application; each has data of its own.

    Args:
        store: Where the boards are; ``None`` makes one with samples.
    """
    app = Photon(spec=Path(__file__).parent / "openapi.yaml")
    app.middleware(StoreMiddleware(sample_store() if store is None else store))
    for part in (pages, api, admin, reports):
        app.include(part.router)
    return app


app = create_app()
