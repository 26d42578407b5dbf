"""Passwords: hashes, their duration, and the bounded queue."""

import time

import pytest
from argon2 import PasswordHasher

from photon_router import Application, HttpError
from photon_router.security import (
    cheap_passwords,
    hash_password,
    needs_rehash,
    passwords,
    verify_password,
)
from photon_runtime import run, scope, sleep, spawn
from photon_runtime.errors import PhotonError
from photon_runtime.parts import under_test
from photon_runtime.testing import send_request

HASH = hash_password("correct horse")


def test_a_password_is_known_by_its_hash() -> None:
    assert HASH.startswith("$argon2id$")
    assert hash_password("correct horse") != HASH  # salted
    assert verify_password("correct horse", HASH)
    assert not verify_password("correct horse ", HASH)
    assert not verify_password("", HASH)


def test_nobody_has_no_password_and_it_takes_as_long() -> None:
    def duration(hashed: str | None) -> float:
        verify_password("x", hashed)  # once, to fill the caches
        times = []
        for _ in range(3):
            began = time.perf_counter()
            assert not verify_password("x", hashed)
            times.append(time.perf_counter() - began)
        return min(times)

    assert duration(None) > duration(HASH) / 4


@pytest.mark.parametrize("rubbish", ["", "x", "$argon2id$", "$2b$12$" + "a" * 53, "\x00", "é"])
def test_what_is_no_hash_is_no_password(rubbish: str) -> None:
    assert not verify_password("x", rubbish)
    assert needs_rehash(rubbish)


def test_texts_that_look_the_same_are_the_same_password() -> None:
    assert verify_password("pa\u0308sswort", hash_password("p\u00e4sswort"))
    assert verify_password("\ud800", hash_password("\ud800"))  # whatever JSON may bring


def test_a_hash_of_less_effort_is_to_be_made_anew() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("x")
    assert verify_password("x", weak)
    assert needs_rehash(weak)
    assert not needs_rehash(HASH)


def test_others_go_on_while_a_password_is_hashed() -> None:
    def check() -> int:
        turns = 0
        with scope():
            task = spawn(hash_password, "x")
            while not task.done:
                sleep(0.001)
                turns += 1
        return turns

    assert run(check) > 3


def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING", 2)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("x")

    def attempt() -> int:
        try:
            return 200 if verify_password("x", weak) else 401
        except HttpError as error:
            return error.status

    def check() -> list[int]:
        with scope():
            tasks = [spawn(attempt) for _ in range(passwords.AT_ONCE + 4)]
        return sorted(task.result() for task in tasks)

    assert run(check) == [200] * (passwords.AT_ONCE + 2) + [503, 503]
    assert run(attempt) == 200


def test_hashes_of_tests_are_cheap_valid_and_replaced_elsewhere() -> None:
    with cheap_passwords():
        cheap = hash_password("x")
        assert verify_password("x", cheap)
        assert not verify_password("y", cheap)
        assert not needs_rehash(cheap)
        assert not needs_rehash(HASH)
    assert "m=8,t=1,p=1" in cheap
    assert verify_password("x", cheap)
    assert needs_rehash(cheap)
    assert "m=8," not in hash_password("x")


def test_an_application_under_test_has_cheap_hashes() -> None:
    app = Application(title="Shop", version="1")

    @app.get("/hash")
    def make() -> str:
        return hash_password("x")

    with under_test():
        assert "m=8,t=1,p=1" in send_request(app, "GET", "/hash").json()
    assert "m=8," not in send_request(app, "GET", "/hash").json()


def test_production_has_no_cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTON_ENV", "production")
    with pytest.raises(PhotonError, match="production"), cheap_passwords():
        pass
    monkeypatch.setenv("PHOTON_ENV", "test")
    with cheap_passwords():
        monkeypatch.setenv("PHOTON_ENV", "production")
        assert "m=8," not in hash_password("x")
