"""A further database with the settings of another one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings


def test_a_sibling_has_connections_of_its_own(tmp_path: Path) -> None:
    def main() -> None:
        database = Database(DatabaseSettings(url="sqlite:///a.db", pool_size=7), folder=tmp_path)
        sibling = database.sibling(pool_size=2)
        with database.transaction() as session:
            session.execute(text("CREATE TABLE notes (id INTEGER)"))
        with sibling.session() as session:
            assert session.execute(text("SELECT count(*) FROM notes")).scalar_one() == 0
        assert (sibling.settings.pool_size, database.settings.pool_size) == (2, 7)
        assert sibling.pool is not database.pool
        sibling.close()
        database.close()

    rt.run(main)


def test_a_sibling_can_be_of_another_database(tmp_path: Path) -> None:
    def main() -> None:
        database = Database(DatabaseSettings(url="sqlite:///a.db"), folder=tmp_path)
        sibling = database.sibling("sqlite:///b.db", pool_size=1)
        with sibling.transaction() as session:
            session.execute(text("CREATE TABLE notes (id INTEGER)"))
        sibling.close()
        assert (tmp_path / "b.db").exists()
        assert not (tmp_path / "a.db").exists()

    rt.run(main)
