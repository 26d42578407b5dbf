"""Django mounted in a server whose other handlers run event loops, all at once on PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import urllib.parse
import warnings
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.db import connection, models  # type: ignore[import-untyped]
from django.http import JsonResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]
from lateness import many
from program import MANY, SLOW, perform

from photon import Photon, Wsgi
from photon_runtime.testing import live_server

warnings.simplefilter("error")


def set_up(url: str) -> type[Any]:
    """Connect Django to the server, and return a model whose table has the numbers."""
    parts = urllib.parse.urlsplit(url)
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.removeprefix("/"),
                "USER": parts.username,
                "PASSWORD": parts.password or "",
                "HOST": parts.hostname,
                "PORT": parts.port,
            }
        },
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="for a test",
        INSTALLED_APPS=[],
        MIDDLEWARE=[],
        USE_TZ=True,
    )
    django.setup()

    class Number(models.Model):  # type: ignore[misc]
        value = models.IntegerField()

        class Meta:
            app_label = "numbers"

    with connection.schema_editor() as editor:
        editor.create_model(Number)
    Number.objects.bulk_create(Number(value=value) for value in range(MANY))
    connection.close()
    return Number


def wait() -> None:
    """Wait in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [SLOW / 2])


def application(url: str) -> Photon:
    """Return a server with a view of Django, an asynchronous one, and a loop in a handler."""
    model = set_up(url)

    def plain(_: object, value: int) -> Any:
        wait()
        found = model.objects.get(value=value).value
        wait()
        return JsonResponse({"value": found})

    async def asynchronous(_: object, value: int) -> Any:
        await asyncio.sleep(SLOW / 2)
        found = await model.objects.aget(value=value)
        await asyncio.sleep(SLOW / 2)
        return JsonResponse({"value": found.value})

    async def fetch(value: int) -> int:
        async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
            query = "SELECT value, pg_sleep($2) FROM numbers_number WHERE value = $1"
            return int(await pool.fetchval(query, value, SLOW))

    urlpatterns.extend(
        [path("plain/<int:value>", plain), path("asynchronous/<int:value>", asynchronous)]
    )
    app = Photon()
    app.mount("/django", Wsgi(get_wsgi_application()))

    @app.get("/loop/{value}")
    def loop(value: int) -> dict[str, int]:
        return {"value": asyncio.run(fetch(value))}

    @app.get("/probe/{value}")
    def probe(value: int) -> dict[str, int]:
        return {"value": value}

    return app


def mounted(url: str) -> object:
    """A third of the requests each to the three, and requests of a probe."""
    paths = ["/django/plain/{}", "/django/asynchronous/{}", "/loop/{}"]
    with live_server(application(url)) as server:

        def ask(path: str) -> tuple[int, str]:
            client = http.client.HTTPConnection(server.host, server.port, timeout=20)
            with contextlib.closing(client):
                client.request("GET", path)
                with client.getresponse() as answer:
                    return answer.status, answer.read().decode()

        def call(number: int) -> tuple[int, object]:
            status, text = ask(paths[number % 3].format(number))
            return status, json.loads(text)["value"] if status == 200 else text

        for number in range(3):
            call(number)  # imports
        return many(call, ping=lambda: ask("/probe/1"))


urlpatterns: list[Any] = []

if __name__ == "__main__":
    perform(mounted)
