"""The demo as it is developed, but for its pauses, which are short.

Reports wait as long as the request says, up to ten seconds for each row, and jobs for each card.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from board import calendars, jobs, reports
from board.app import create_app as create_board
from photon import Photon, sleep
from photon_lifeguard import Database, DatabaseSettings, migrations
from photon_runtime.settings import load_settings

_DATA = TemporaryDirectory()  # removed at the end of the process
_FOLDER = Path(__file__).parents[2] / "demo"


def create_app() -> Photon:
    """Make the application, with the middleware of its settings and a database of its own."""
    for module in (calendars, jobs, reports):
        vars(module)["sleep"] = lambda seconds: sleep(min(seconds, 0.001))
    app = create_board()
    environ = {
        "PHOTON__DATABASE__URL": f"sqlite:///{_DATA.name}/board.sqlite3",
        "PHOTON__WEBSOCKETS__ROOMS": "memory",
    }
    settings = load_settings(_FOLDER, environment="development", environ=environ)
    database = Database(settings.read(DatabaseSettings), folder=_FOLDER)
    migrations.migrate(database)
    migrations.seed(database)
    database.close()
    app.use_settings(settings)
    return app
