# mypy: disable-error-code="import-not-found, misc"
"""Make the tables of the database suite and their rows anew. The address is ``DATABASE_URL``."""

import os
from random import randint

from database_models import WORLDS, Base, Fortune, World
from sqlalchemy import create_engine, insert

FORTUNES = (
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it to do.",
    "Emacs is a nice operating system, but I prefer UNIX.",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link.",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    '<script>alert("This should not be displayed in a browser alert box.");</script>',
    "フレームワークのベンチマーク",
)


def main() -> None:
    """Fill the database."""
    url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        worlds = [{"id": key, "random_number": randint(1, WORLDS)} for key in range(1, WORLDS + 1)]
        connection.execute(insert(World), worlds)
        fortunes = [{"id": key, "message": text} for key, text in enumerate(FORTUNES, 1)]
        connection.execute(insert(Fortune), fortunes)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("ANALYZE")
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")


if __name__ == "__main__":
    main()
