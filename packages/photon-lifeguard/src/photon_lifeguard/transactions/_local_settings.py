"""`set_local`: a setting of PostgreSQL for one transaction, as row-level security reads it."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..errors import TransactionError
from ._on_demand import LOCAL, ensure_begun


def set_local(session: Session, name: str, value: str) -> None:
    """Set a configuration parameter of PostgreSQL until the end of the transaction.

    Policies read it by ``current_setting('app.tenant')``. It is gone after a commit or a rollback,
    so a policy without it must refuse; set it in a dependency that every handler of a tenant has::

        def tenant_session(db: Session, user: CurrentUser[User]) -> Session:
            set_local(db, "app.tenant", str(user.tenant_id))
            return db

    A transaction begins if the session has none, and the statements after it belong to it.

    Args:
        session: Session of a `Database`.
        name: Name of the parameter, with a prefix: ``app.tenant``.
        value: Its value. It is passed as a parameter, not as SQL.

    Raises:
        TransactionError: The database is not PostgreSQL, or the session has no `Database`.

    Blocks: the calling task, for a round trip or two.
    """
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        raise TransactionError(
            f"settings of a transaction exist on PostgreSQL, not on {connection.dialect.name}"
        )
    ensure_begun(connection)
    # Marked, because the pool takes set_config for a change of the session otherwise.
    session.execute(select(func.set_config(name, value, True)), execution_options={LOCAL: True})
