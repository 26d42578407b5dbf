import io
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import UploadFile
from photon_router._upload import MEMORY, safe_file_name, takes_files, takes_several_files
from photon_runtime import run


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("notes.txt", "notes.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\a\\b.txt", "b.txt"),
        ("/etc/", "file"),
        ("..", "file"),
        ("", "file"),
        ("\x00", "file"),
        ("a\x00b\r\n.txt", "ab.txt"),
        (".htaccess", "htaccess"),
        (". .htaccess", "htaccess"),
        ("a.txt. . ", "a.txt"),
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("com1 .txt", "_com1.txt"),
        ('what?<is>|this*:".txt', "what__is__this___.txt"),
        ("‮gpj.exe", "gpj.exe"),
        ("a\ud800b", "ab"),
        ("Ünïcode 文.pdf", "Ünïcode 文.pdf"),
        ("é.txt", "é.txt"),
    ],
)
def test_a_name_is_made_safe(sent: str, safe: str) -> None:
    assert safe_file_name(sent) == safe
    assert UploadFile(sent).safe_name == safe
    assert UploadFile(sent).filename == sent


def test_a_long_name_keeps_its_ending() -> None:
    name = safe_file_name("ä" * 5000 + ".jpeg")
    assert name.endswith("ä.jpeg")
    assert len(name.encode()) <= 200
    assert len(safe_file_name("." + "x" * 5000).encode()) <= 200
    assert len(safe_file_name("a." + "x" * 5000).encode()) <= 200


@given(st.text() | st.text(alphabet="./\\:CONnul \x00a\u202e", max_size=12))
def test_a_safe_name_is_safe_whatever_is_sent(name: str) -> None:
    safe = safe_file_name(name)
    assert safe == safe_file_name(safe)
    assert safe
    assert not set(safe) & set('/\\<>:"|?*\x00')
    assert safe.isprintable()
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))
    assert len(safe.encode("utf-8")) <= 200
    assert os.path.basename(os.path.normpath(f"/folder/{safe}")) == safe


def filled(*parts: bytes) -> UploadFile:
    upload = UploadFile("a.bin", content_type="image/png")
    for part in parts:
        upload.write(part)
    upload.complete()
    return upload


def test_a_small_file_stays_in_memory_and_a_large_one_does_not() -> None:
    small, large = filled(b"x" * MEMORY), filled(b"x" * MEMORY, b"y")
    assert small.is_in_memory
    assert not large.is_in_memory
    assert (small.size, large.size) == (MEMORY, MEMORY + 1)
    assert large.read() == b"x" * MEMORY + b"y"
    large.close()


def test_a_temporary_file_has_no_name_and_nobody_else_may_open_it() -> None:
    upload = filled(b"x" * (MEMORY + 1))
    status = os.fstat(upload.file.fileno())
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_nlink == 0
    upload.close()


@pytest.mark.parametrize("size", [10, MEMORY * 2 + 5])
def test_content_is_read_in_pieces_and_by_iteration(size: int) -> None:
    content = os.urandom(size)
    upload = filled(*(content[start : start + 100_000] for start in range(0, size, 100_000)))
    assert upload.read(4) == content[:4]
    assert b"".join(upload) == content[4:]
    assert upload.read() == b""
    upload.seek(2)
    assert upload.file.read(3) == content[2:5]
    upload.close()


@pytest.mark.parametrize("size", [10, MEMORY * 2 + 5])
def test_save_copies_the_whole_content_into_a_new_file(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    upload = filled(content)
    upload.read(3)
    run(upload.save, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    with pytest.raises(FileExistsError):
        run(upload.save, tmp_path / "a")
    upload.save(tmp_path / "a", overwrite=True)
    assert (tmp_path / "a").read_bytes() == content
    upload.close()


def test_save_removes_what_it_began_when_it_fails(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("no more")

    upload = UploadFile("a")
    upload.file = Broken()
    with pytest.raises(OSError, match="no more"):
        upload.save(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_file_says_so() -> None:
    upload = filled(b"abc")
    upload.close()
    with pytest.raises(ValueError, match="closed"):
        upload.read()


def test_which_types_take_files() -> None:
    for type_ in (UploadFile, UploadFile | None, list[UploadFile], list[UploadFile] | None):
        assert takes_files(type_)
    for other in (str, list[str], dict[str, UploadFile], UploadFile | str):
        assert not takes_files(other)
    assert not takes_several_files(UploadFile | None)
    assert takes_several_files(list[UploadFile] | None)
