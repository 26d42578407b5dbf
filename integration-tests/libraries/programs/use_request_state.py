# mypy: disable-error-code="import-untyped"
"""Libraries that keep state for the running thread or request, in requests of one connection.

Each request adds to the state of a library and responds with what it finds: only its own. The
requests of one connection follow one another, and those of 20 connections run at once.
"""

from __future__ import annotations

import decimal
import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asgiref.local
import flask
import sentry_sdk
import structlog
import werkzeug.local
from opentelemetry import baggage, context
from program import MANY, at_once, perform

from photon import Photon, PhotonWebSocket, Request
from photon.testing import Client
from photon_runtime import scope
from photon_runtime.testing import live_server

NAP = 0.05


def seen_by(use: Callable[[str], Any], start: Callable[[], object] | None = None) -> dict[str, Any]:
    """Return what requests saw of the state that ``use`` adds a word to and returns."""
    app = Photon()

    @app.lifespan
    @contextmanager
    def life() -> Iterator[None]:
        if start is not None:
            start()
        yield

    @app.get("/use/{word}")
    def use_it(word: str) -> dict[str, Any]:
        return {"seen": use(word)}

    with live_server(app) as server:

        def ask(words: list[str]) -> list[Any]:
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            answers = []
            for word in words:
                connection.request("GET", f"/use/{word}")
                answers.append(json.loads(connection.getresponse().read())["seen"])
            connection.close()
            return answers

        one = ask(["a", "b", "c"])
        many, _ = at_once(lambda n: ask([f"{n}a", f"{n}b"]), expected=2 * NAP)
    return {
        "one": one,
        "mixed": [n for n in range(MANY) if many[n] != [[f"{n}a"], [f"{n}b"]]],
    }


def thread_locals(_: str) -> dict[str, Any]:
    """Values of `threading.local`, and of a class of it with an ``__init__``."""

    class Words(threading.local):
        def __init__(self) -> None:
            self.words: list[str] = []

    own, plain = Words(), threading.local()
    before = len(own.words)

    def use(word: str) -> list[str]:
        own.words.append(word)
        plain.words = [*getattr(plain, "words", []), word]
        time.sleep(NAP)
        assert plain.words == own.words
        return own.words

    return seen_by(use) | {"before": before}


def asgiref_locals(_: str) -> dict[str, Any]:
    """Values of both kinds of asgiref's locals, which Django keeps its connections in."""
    loose, critical = asgiref.local.Local(), asgiref.local.Local(thread_critical=True)

    def use(word: str) -> list[str]:
        loose.words = [*getattr(loose, "words", []), word]
        critical.words = [*getattr(critical, "words", []), word]
        time.sleep(NAP)
        assert loose.words == critical.words
        return list(loose.words)

    return seen_by(use)


def werkzeug_locals(_: str) -> dict[str, Any]:
    """Values of werkzeug's locals, and Flask's ``g`` in an application context."""
    own, stack, app = werkzeug.local.Local(), werkzeug.local.LocalStack[str](), flask.Flask("x")

    def use(word: str) -> list[str]:
        own.words = [*getattr(own, "words", []), word]
        below = stack.top
        stack.push(word)
        with app.app_context():
            assert "word" not in flask.g
            flask.g.word = word
            time.sleep(NAP)
            assert flask.g.word == stack.top == word
            assert below is None
        return list(own.words)

    return seen_by(use)


def structlog_fields(_: str) -> dict[str, Any]:
    """Fields that are bound for the rest of a request."""

    def use(word: str) -> list[str]:
        structlog.contextvars.bind_contextvars(**{f"word_{word}": word})
        time.sleep(NAP)
        found = structlog.contextvars.get_contextvars()
        assert found.pop("service") == "shop"
        return list(found.values())

    return seen_by(use, lambda: structlog.contextvars.bind_contextvars(service="shop"))


def telemetry_baggage(_: str) -> dict[str, Any]:
    """Baggage that is attached and not detached."""

    def use(word: str) -> list[Any]:
        context.attach(baggage.set_baggage(word, word))
        time.sleep(NAP)
        return [value for name, value in baggage.get_all().items() if name != "service"]

    return seen_by(use, lambda: context.attach(baggage.set_baggage("service", "shop")))


def decimal_contexts(_: str) -> dict[str, Any]:
    """The precision of decimals, which the start of the application has set."""
    of_application: list[decimal.Context] = []

    def start() -> None:
        decimal.getcontext().prec = 30
        of_application.append(decimal.getcontext())

    def use(word: str) -> list[str]:
        before = decimal.getcontext().prec
        decimal.getcontext().prec = 5
        time.sleep(NAP)
        return [word] if (before, decimal.getcontext().prec) == (30, 5) else [str(before)]

    found = seen_by(use, start)
    return found | {"after": of_application[0].prec}


def decimal_contexts_in_use(_: str) -> dict[str, Any]:
    """The precision of decimals, which the start of the application has used."""

    def use(word: str) -> list[str]:
        before = decimal.getcontext().prec
        decimal.getcontext().prec = 5
        time.sleep(NAP)
        return [word] if before == 28 else [str(before)]

    return seen_by(use, lambda: decimal.Decimal(1) / 3)


def sentry_scopes(_: str) -> dict[str, Any]:
    """Tags of events, where the start of the application has set one."""
    events: list[Any] = []

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json for item in envelope.items)

    def start() -> None:
        sentry_sdk.init("http://key@127.0.0.1:9/1", transport=Transport())
        sentry_sdk.set_tag("service", "shop")

    def use(word: str) -> list[str]:
        sentry_sdk.set_tag(f"word_{word}", word)
        sentry_sdk.set_user({"id": word})
        sentry_sdk.add_breadcrumb(message=word)
        time.sleep(NAP)
        sentry_sdk.capture_message(word)
        event = [each for each in events if each.get("message") == word][-1]
        crumbs = [each["message"] for each in event["breadcrumbs"]["values"]]
        tags = {**event["tags"]}
        assert tags.pop("service") == "shop"
        assert event["user"]["id"] == word
        assert crumbs == [word], crumbs
        return list(tags.values())

    logging.getLogger("photon").setLevel(logging.ERROR)
    return seen_by(use, start)


def sockets_and_tasks(_: str) -> dict[str, Any]:
    """A socket's handler keeps its values; tasks and the next connection have their own."""
    app, own = Photon(), threading.local()

    @app.websocket("/chat")
    def chat(ws: PhotonWebSocket) -> None:
        for message in ws:
            own.words = [*getattr(own, "words", []), message]
            ws.write_message(",".join(own.words))

    @app.get("/tasks")
    def run_tasks(request: Request) -> list[list[str]]:
        def use(word: str) -> list[str]:
            own.words = [*getattr(own, "words", []), word]
            return list(own.words)

        with scope() as running:
            tasks = [running.spawn(use, str(number)) for number in range(3)]
        return [task.result() for task in tasks] + [use("own")]

    answers = []
    with Client(app) as client:
        for _number in range(2):
            with client.websocket("/chat") as ws:
                for word in "ab":
                    ws.send_text(word)
                    answers.append(ws.receive_text())
            answers.append(client.get("/tasks").json())
    return {"answers": answers}


if __name__ == "__main__":
    perform(
        thread_locals,
        asgiref_locals,
        werkzeug_locals,
        structlog_fields,
        telemetry_baggage,
        decimal_contexts,
        decimal_contexts_in_use,
        sentry_scopes,
        sockets_and_tasks,
    )
