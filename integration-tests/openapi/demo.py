"""The demo as it is developed, but for one thing: nobody has the time to wait for its reports.

They wait as long as the request says, up to ten seconds for each row.
"""

from __future__ import annotations

from pathlib import Path

from board import calendars, reports
from board.app import create_app as create_board
from photon import Photon, sleep
from photon_runtime.settings import load_settings

_FOLDER = Path(__file__).parents[2] / "demo"


def create_app() -> Photon:
    """Make the application, with the middleware of its settings."""
    for module in (calendars, reports):
        vars(module)["sleep"] = lambda seconds: sleep(min(seconds, 0.001))
    app = create_board()
    app.use_settings(load_settings(_FOLDER, environment="development", environ={}))
    return app
