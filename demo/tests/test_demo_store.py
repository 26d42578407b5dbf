"""The rules of the board, without a server."""

import datetime

import pytest

from board.models import CardDetails, Column, Member, NewBoard, NewComment
from board.samples import sample_store
from board.store import ColumnFull, NotFound, Store

NOON = datetime.datetime(2027, 5, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def store() -> Store:
    return Store([Member("ada")], now=lambda: NOON)


def test_numbers_are_never_used_again(store: Store) -> None:
    board = store.open_board(NewBoard("One"))
    card = store.add_card(board, CardDetails(title="First"))
    store.remove(card)
    assert store.add_card(board, CardDetails(title="Second")).id != card.id


def test_a_full_column_takes_no_card_but_its_own(store: Store) -> None:
    board = store.open_board(NewBoard("One", limit=1))
    first = store.move(store.add_card(board, CardDetails(title="First")), Column.DOING)
    second = store.add_card(board, CardDetails(title="Second"))
    with pytest.raises(ColumnFull, match="One allows 1 in doing"):
        store.move(second, Column.DOING)
    assert store.move(first, Column.DOING) == first
    assert store.card(second.id).column is Column.TODO


def test_a_limit_counts_the_cards_of_its_own_board(store: Store) -> None:
    one, two = store.open_board(NewBoard("One", limit=1)), store.open_board(NewBoard("Two"))
    store.move(store.add_card(two, CardDetails(title="Elsewhere")), Column.DOING)
    card = store.move(store.add_card(one, CardDetails(title="Here")), Column.DOING)
    assert card.column is Column.DOING


def test_cards_and_comments_know_when_they_were_written(store: Store) -> None:
    card = store.add_card(store.open_board(NewBoard("One")), CardDetails(title="First"))
    card = store.comment(card, NewComment("ada", "Good."))
    assert card.created_at == NOON
    assert [comment.written_at for comment in card.comments] == [NOON]


def test_missing_objects_are_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="board 1 does not exist"):
        store.board(1)
    with pytest.raises(NotFound, match="card 1 does not exist"):
        store.card(1)
    with pytest.raises(NotFound, match="'eve'"):
        store.member("eve")


def test_stores_share_nothing() -> None:
    one, two = sample_store(), sample_store()
    one.close_board(one.board(1))
    assert [board.id for board in two.boards()] == [1, 2]
