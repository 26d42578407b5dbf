"""The rules of the board, without a server."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from board.models import CardDetails, Column, Member, NewBoard, NewComment
from board.samples import add_samples
from board.store import ColumnFull, NotFound, Store
from board.tables import Base
from photon_lifeguard import Database, DatabaseSettings, migrations

NOON = datetime.datetime(2027, 5, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/board.sqlite3"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with database.session() as session:
        store = Store(session, now=lambda: NOON)
        store.add_member(Member("ada"))
        yield store


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


def test_a_closed_board_takes_its_cards_with_it(store: Store) -> None:
    board = store.open_board(NewBoard("One"))
    card = store.comment(
        store.add_card(board, CardDetails(title="First")), NewComment("ada", "Good.")
    )
    attachment = store.attach(card, name="a.txt", content=b"a")
    store.close_board(board)
    with pytest.raises(NotFound, match="card"):
        store.card(card.id)
    with pytest.raises(NotFound, match="file"):
        store.file(attachment.id)


def test_the_migrations_make_the_tables_of_the_models(tmp_path: Path) -> None:
    settings = DatabaseSettings(
        url=f"sqlite:///{tmp_path}/migrated.sqlite3", models="board.tables:Base"
    )
    database = Database(settings, folder=Path(__file__).parents[1])
    migrations.migrate(database)
    assert migrations.diff(database) == []
    database.close()


def test_samples_are_added_once(database: Database) -> None:
    for _ in range(2):
        with database.transaction() as session:
            add_samples(session)
    with database.session() as session:
        assert [board.name for board in Store(session).boards()] == ["Website", "Garden"]
