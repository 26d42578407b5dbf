"""Libraries on `sqlite3` under the patch: Django's ORM, peewee and diskcache, many writers at once.

The URL is the path of a database that does not exist yet; diskcache takes it for a folder.
"""

from __future__ import annotations

import time

import diskcache  # type: ignore[import-untyped]
import django  # type: ignore[import-untyped]
import peewee
from django.conf import settings  # type: ignore[import-untyped]
from django.db import connection, models, transaction  # type: ignore[import-untyped]
from program import perform
from writers import WAIT, all_write


def django_writers(path: str) -> object:
    """Each creates a row in a transaction, waits, and commits."""
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path}},
        INSTALLED_APPS=[],
        USE_TZ=True,
    )
    django.setup()

    class Item(models.Model):  # type: ignore[misc]
        number = models.IntegerField()

        class Meta:
            app_label = "items"

    with connection.schema_editor() as editor:
        editor.create_model(Item)

    def write(number: int) -> None:
        with transaction.atomic():
            Item.objects.create(number=number)
            time.sleep(WAIT)
        connection.close()

    late = max(all_write(write, count) for count in (5, 50))
    return {"rows": Item.objects.count(), "late": late}


def peewee_writers(path: str) -> object:
    """Each creates a row in a transaction, waits, and commits."""
    database = peewee.SqliteDatabase(path)

    class Item(peewee.Model):
        number = peewee.IntegerField()

    Item.bind(database)
    database.create_tables([Item])

    def write(number: int) -> None:
        with database.connection_context(), database.atomic():
            Item.create(number=number)
            time.sleep(WAIT)

    late = max(all_write(write, count) for count in (5, 50))
    return {"rows": Item.select().count(), "late": late}


def diskcache_writers(path: str) -> object:
    """Each stores a value in a transaction, waits, and commits."""
    with diskcache.Cache(path) as cache:

        def write(number: int) -> None:
            with cache.transact(retry=True):
                cache.incr("rows", default=0)
                time.sleep(WAIT)

        late = max(all_write(write, count) for count in (5, 50))
        return {"rows": cache["rows"], "late": late}


if __name__ == "__main__":
    perform(django_writers, peewee_writers, diskcache_writers)
