"""Calls after the commit of transactions, which layers of databases find in the context."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime.errors import SignatureError
from photon_runtime.testing import in_hub
from photon_runtime.transactions import AfterCommit, find_transactions_by, on_commit


class Layer:
    """A database layer whose transactions are lists of calls."""

    def __init__(self) -> None:
        self.open: list[list[Callable[[], object]]] = []

    def find(self) -> list[AfterCommit]:
        return [calls.append for calls in self.open]

    def begin(self) -> list[Callable[[], object]]:
        find_transactions_by(self.find)
        self.open.append([])
        return self.open[-1]

    def commit(self, transaction: list[Callable[[], object]]) -> None:
        self.open = [each for each in self.open if each is not transaction]
        for call in transaction:
            call()


@in_hub
def test_a_call_without_a_transaction_is_made_at_once() -> None:
    log: list[int] = []
    assert on_commit(lambda: log.append(1))
    assert log == [1]
    layer = Layer()
    layer.commit(layer.begin())
    assert on_commit(lambda: log.append(2))
    assert log == [1, 2]


@in_hub
def test_a_call_waits_for_all_open_transactions() -> None:
    first, second, log = Layer(), Layer(), list[int]()
    one, other = first.begin(), second.begin()
    assert not on_commit(lambda: log.append(1))
    second.commit(other)
    assert log == []
    assert not on_commit(lambda: log.append(2))
    first.commit(one)
    assert log == [1, 2]


@in_hub
def test_a_call_is_dropped_if_one_of_the_transactions_is_rolled_back() -> None:
    layer, log = Layer(), list[int]()
    kept, undone = layer.begin(), layer.begin()
    on_commit(lambda: log.append(1))
    layer.open.remove(undone)
    layer.commit(kept)
    assert log == []


@in_hub
def test_a_layer_is_asked_once_and_only_in_its_context() -> None:
    layer, log = Layer(), list[int]()

    def work() -> None:
        layer.begin()
        transaction = layer.begin()
        assert not on_commit(lambda: log.append(1))
        assert len(transaction) == 1
        rt.spawn(on_commit, lambda: log.append(2)).join()
        assert len(transaction) == 2

    rt.spawn(work).join()
    assert on_commit(lambda: log.append(3))
    assert log == [3]


@in_hub
def test_a_function_that_would_not_run_is_refused() -> None:
    def generator() -> object:
        yield 1

    with pytest.raises(TypeError, match="not a value"):
        on_commit(generator)
    Layer().begin()
    with pytest.raises(SignatureError):
        on_commit(generator)
