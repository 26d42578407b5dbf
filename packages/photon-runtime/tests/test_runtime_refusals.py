"""Registrations that are refused are raised, or collected where all problems are looked for."""

from __future__ import annotations

import pytest

from photon_runtime.errors import SignatureError
from photon_runtime.refusals import collecting_refusals, refusable


def test_a_refusal_is_raised_by_default() -> None:
    with pytest.raises(SignatureError, match="no"), refusable("readItem"):
        raise SignatureError("no")


def test_refusals_are_collected_with_their_subjects() -> None:
    def register(error: Exception, subject: str = "") -> None:
        with refusable(subject):
            raise error

    with collecting_refusals() as refusals:
        register(SignatureError("no"), "readItem")
        register(ValueError("never"))
        with pytest.raises(ZeroDivisionError), refusable():
            raise ZeroDivisionError
    assert [(str(each.error), each.subject) for each in refusals] == [
        ("no", "readItem"),
        ("never", ""),
    ]
    with pytest.raises(ValueError, match="again"), refusable():
        raise ValueError("again")
