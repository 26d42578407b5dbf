"""Calls after the commit of transactions, which layers of databases find in the context."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime.errors import AmbiguousTransaction, SignatureError
from photon_runtime.testing import in_hub
from photon_runtime.transactions import (
    find_transactions_by,
    leave_transactions,
    on_commit,
    open_transactions,
    transaction_scope,
    transaction_to_join,
)


class Transaction:
    """A transaction that is a list of calls."""

    def __init__(self, database: str, *, is_begun: bool) -> None:
        self.database = database
        self.is_begun = is_begun
        self.calls: list[Callable[[], object]] = []
        self.scope = transaction_scope()

    def connection(self) -> str:
        return f"a connection to {self.database}"

    def on_commit(self, callback: Callable[[], object], /) -> None:
        self.calls.append(callback)


class Layer:
    """A database layer, whose owners of transactions are the transactions themselves."""

    def __init__(self, database: str = "here") -> None:
        self.database = database
        self.open: list[Transaction] = []

    def find(self, owner: object) -> list[Transaction]:
        if owner is not None:
            return [each for each in self.open if owner in (each, each.database)]
        return [each for each in self.open if each.scope is transaction_scope()]

    def begin(self, *, is_begun: bool = True) -> Transaction:
        find_transactions_by(self.find)
        self.open.append(Transaction(self.database, is_begun=is_begun))
        return self.open[-1]

    def commit(self, transaction: Transaction) -> None:
        self.open = [each for each in self.open if each is not transaction]
        for call in transaction.calls:
            call()


def here(database: object) -> bool:
    return database == "here"


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
        assert len(transaction.calls) == 1
        rt.spawn(on_commit, lambda: log.append(2)).join()
        assert len(transaction.calls) == 2

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


@in_hub
def test_a_transaction_that_is_not_begun_holds_up_no_call_but_takes_rows() -> None:
    layer, log = Layer(), list[int]()
    transaction = layer.begin(is_begun=False)
    assert on_commit(lambda: log.append(1))
    assert open_transactions() == [transaction]
    assert transaction_to_join(here) is transaction
    assert transaction_to_join(lambda _: False) is transaction


@in_hub
def test_a_row_joins_the_preferred_database_among_those_that_are_begun() -> None:
    one, other = Layer("here"), Layer("there")
    assert transaction_to_join(here) is None
    unused = one.begin(is_begun=False)
    idle = other.begin(is_begun=False)
    assert transaction_to_join(here) is unused
    assert transaction_to_join(lambda each: not here(each)) is idle
    begun = other.begin()
    assert transaction_to_join(here) is begun
    preferred = one.begin()
    assert transaction_to_join(here) is preferred


@in_hub
def test_a_row_that_may_belong_to_several_transactions_is_refused() -> None:
    one, other = Layer("there"), Layer("elsewhere")
    first, second = one.begin(), other.begin()
    with pytest.raises(AmbiguousTransaction, match="2 transactions are open here"):
        transaction_to_join(here)
    assert transaction_to_join(here, of=second) is second
    assert transaction_to_join(here, of="there") is first
    own = Layer("here")
    own.begin()
    own.begin()
    with pytest.raises(AmbiguousTransaction, match="'here', 'here'"):
        transaction_to_join(here)
    with pytest.raises(AmbiguousTransaction, match="'here', 'here'"):
        transaction_to_join(here, of="here")


@in_hub
def test_an_owner_without_a_transaction_is_refused() -> None:
    with pytest.raises(AmbiguousTransaction, match="'a session' has no transaction"):
        transaction_to_join(here, of="a session")


@in_hub
def test_a_context_can_leave_the_transactions_of_its_parent() -> None:
    layer, log = Layer(), list[int]()
    outer = layer.begin()

    def outlive() -> None:
        leave_transactions()
        assert on_commit(lambda: log.append(1))
        assert transaction_to_join(here) is None
        inner = layer.begin()
        assert transaction_to_join(here) is inner
        layer.commit(inner)

    rt.spawn(outlive).join()
    assert log == [1]
    assert transaction_to_join(here) is outer
