"""`complete_message`: the end of a message for a session that lives as long as a socket."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ._commit_hooks import awaits_commit
from ._open_transactions import is_in_block


def complete_message(session: Session) -> None:
    """Commit what a handler has done for a message, and give the connection back.

    Afterwards objects of the session are read anew when they are used, because others may have
    changed them by then. A handler that waits inside of a block of its own, such as `transaction`,
    holds the connection: the block decides about the commit.

    Raises:
        sqlalchemy.exc.DBAPIError: The commit failed; the session was rolled back.
        TransactionError: The database has undone the transaction; the session was rolled back.

    Blocks: the calling task, as `Session.commit` does.
    """
    if is_in_block(session):
        return
    try:
        if session.in_transaction() or awaits_commit(session):
            session.commit()
    except BaseException:
        session.rollback()
        raise
    session.expire_all()
