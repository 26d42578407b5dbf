from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from photon_router.files import OpenFile, is_absence
from photon_router.static._folder import Walk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "x.txt").write_text("inside")
    (root / "top.txt").write_text("top")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.txt").write_text("secret")
    return root


@pytest.fixture(autouse=True)
def no_descriptor_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
    assert not [path for path in found if path.is_relative_to(tmp_path)]


def read(root: Path, path: str, *, links: bool = False) -> str | None:
    """Return the content of a file, ``None`` where the walk finds none."""
    *folders, name = path.split("/")
    try:
        with Walk(str(root), follow_symlinks=links) as walk:
            walk.enter(folders)
            opened = walk.open(name)
    except OSError as error:
        if is_absence(error):
            return None
        raise
    if opened is None:
        return "a folder"
    return content(opened)


def content(opened: OpenFile) -> str:
    try:
        return opened.file.read().decode()
    finally:
        opened.close()


def test_files_are_found_below_the_root(root: Path) -> None:
    assert read(root, "a/b/x.txt") == "inside"
    assert read(root, "top.txt") == "top"
    assert read(root, "a") == "a folder"
    assert read(root, "a/none") is None
    assert read(root, "none/x") is None
    assert read(root, "top.txt/x") is None
    assert read(root, "n" * 300) is None
    assert read(root / "none", "x") is None


@pytest.mark.parametrize(
    ("at", "target", "found"),
    [
        ("link.txt", "top.txt", "top"),
        ("link.txt", "a/b/x.txt", "inside"),
        ("link.txt", "./a/./b/../b/x.txt", "inside"),
        ("link.txt", "a/../top.txt", "top"),
        ("link.txt", "{root}/top.txt", "top"),
        ("a/link.txt", "../top.txt", "top"),
        ("a/b/link.txt", "{root}/a/b/x.txt", "inside"),
        ("link.txt", "../secret/x.txt", None),
        ("link.txt", "{outside}/secret/x.txt", None),
        ("link.txt", "{root}/../secret/x.txt", None),
        ("link.txt", "{root}x/y", None),
        ("a/link.txt", "../../secret/x.txt", None),
        ("link.txt", "a/../../root/top.txt", None),
        ("link.txt", "/etc/passwd", None),
        ("link.txt", "/", None),
        ("link.txt", "..", None),
        ("link.txt", ".", None),
        ("link.txt", "link.txt", None),
        ("link.txt", "nothing", None),
        ("link.txt", "a", "a folder"),
    ],
)
def test_links_are_followed_on_request_and_only_inside(
    root: Path, at: str, target: str, found: str | None
) -> None:
    (root / at).symlink_to(target.format(root=root, outside=root.parent))
    assert read(root, at) is None
    assert read(root, at, links=True) == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("a/b", "inside"),
        ("{root}/a/b", "inside"),
        ("a/again", "inside"),
        ("../secret", None),
        ("{outside}/secret", None),
        ("a/out", None),
        ("loop", None),
    ],
)
def test_links_to_folders_are_followed_on_request_and_only_inside(
    root: Path, target: str, found: str | None
) -> None:
    (root / "a" / "again").symlink_to("../a/b")
    (root / "a" / "out").symlink_to(root.parent / "secret")
    (root / "loop").symlink_to(target.format(root=root, outside=root.parent))
    assert read(root, "loop/x.txt") is None
    assert read(root, "loop/x.txt", links=True) == found


def test_a_chain_of_links_has_an_end(root: Path) -> None:
    for number in range(60):
        (root / f"l{number}").symlink_to(f"l{number + 1}")
    (root / "l60").symlink_to("top.txt")
    assert read(root, "l0", links=True) is None
    assert read(root, "l30", links=True) == "top"


def test_a_root_that_is_itself_a_link_is_wanted(root: Path) -> None:
    current = root.parent / "current"
    current.symlink_to(root)
    (root / "link.txt").symlink_to(root / "top.txt")
    assert read(current, "top.txt") == "top"
    assert read(current, "link.txt") is None
    assert read(current, "link.txt", links=True) == "top"


def test_what_permissions_hide_is_not_there_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert is_absence(PermissionError(errno.EACCES, "Permission denied", "x.txt"))
    assert "hidden by its permissions" in caplog.text
    assert not is_absence(OSError(errno.EMFILE, "Too many open files"))


def test_pipes_and_sockets_are_no_files_and_nobody_waits_for_them(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert read(root, "pipe") is None


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere_else(root: Path) -> None:
    secret = root.parent / "secret"
    stop = threading.Event()
    seen: set[str | None] = set()

    def swap() -> None:
        folder, aside = root / "a" / "b", root / "a" / "aside"
        while not stop.is_set():
            folder.rename(aside)
            folder.symlink_to(secret)
            folder.unlink()
            aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        end, count = time.monotonic() + 10, 0
        while count < 1500 or ("inside" not in seen and time.monotonic() < end):
            seen.add(read(root, "a/b/x.txt"))
            seen.add(read(root, "a/b/x.txt", links=True))
            count += 1
    finally:
        stop.set()
        thread.join()
    assert "secret" not in seen
    assert "inside" in seen
