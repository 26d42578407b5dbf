"""The sample boards: ``photon db seed`` adds them to a database without a team."""

from sqlalchemy.orm import Session

from board.samples import add_samples


def seed(session: Session) -> None:
    """Add the samples."""
    add_samples(session)
