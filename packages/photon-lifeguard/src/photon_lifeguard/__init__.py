"""A database layer on SQLAlchemy that waits in the scheduler."""
