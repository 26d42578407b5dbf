from __future__ import annotations

import threading
from pathlib import Path

import pytest

from photon_cli._watch import WatchedProject, is_watched


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/.work/site/main.py", True),
        ("/.work/site/deep/page.html", True),
        ("/.work/site/mails/welcome.txt", True),
        ("/.work/site/feed.xml.j2", True),
        ("/.work/site/config/test.toml", True),
        ("/.work/site/data.sqlite", False),
        ("/.work/site/.venv/lib/x.py", False),
        ("/.work/site/.git/x.json", False),
        ("/.work/site/a/__pycache__/x.py", False),
        ("/.work/site/node_modules/x/package.json", False),
        ("/elsewhere/x.py", False),
        ("/.work/site/static/site.css", True),
        ("/.work/site/.env", True),
        ("/.work/site/.env.local", True),
        ("/.work/site/.main.py.swp", False),
        ("/.work/site/.#main.py", False),
        ("/.work/site/main.py~", False),
        ("/.work/site/4913", False),
        ("/.work/site/main.py.tmp", False),
        ("/.work/site/app.db", False),
        ("/.work/site/app.db-wal", False),
        ("/.work/site/app.db-shm", False),
        ("/.work/site/.pytest_cache/v/cache/lastfailed.json", False),
        ("/.work/site/.mypy_cache/3.11/x.json", False),
        ("/.work/site/htmlcov/index.html", False),
        ("/.work/site/site.egg-info/x.txt", False),
        ("/.work/site/.photon/generated.toml", False),
    ],
)
def test_only_sources_of_the_project_count_as_changes(path: str, expected: bool) -> None:
    assert is_watched(Path(path), [Path("/.work/site")]) is expected


def test_changed_files_are_told_by_their_names_until_the_watch_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    stop = threading.Event()
    batches = WatchedProject.here().changes(tmp_path, stop=stop)
    assert next(batches) == []  # it watches now
    (tmp_path / "docs" / "pets.yaml").write_text("a")
    (tmp_path / "docs" / "pets.log").write_text("a")
    assert next(batch for batch in batches if batch) == ["docs/pets.yaml"]
    stop.set()
    assert list(batches) == []
