import time
from typing import Any

import pytest

from photon_router import Application, DocumentError
from photon_runtime import DeadlineExceeded, deadline, sleep
from photon_runtime.http import HttpError, Request
from photon_runtime.testing import HandlerResponse, send_request


def document(*, schema: Any = None, **operation: Any) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": schema or {}}}}
    described = {"operationId": "put", "requestBody": body, "responses": {}}
    described["responses"] = {"204": {"description": "Done."}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/x": {"post": described | operation}},
    }


def ask(spec: dict[str, Any], handler: Any) -> tuple[HandlerResponse, Request]:
    router = Application(spec=spec)
    router.operation("put")(handler)
    response = send_request(router, "POST", "/x", body_limit=1000)
    return response, response.request


def test_an_operation_states_how_large_a_body_may_be() -> None:
    for limit in (0, 10, 10**7):
        _, request = ask(document(**{"x-photon-body-limit": limit}), lambda: None)
        assert request.body_limit == limit
    assert ask(document(), lambda: None)[1].body_limit == 1000


def test_an_operation_states_how_long_it_may_take() -> None:
    key = "x-photon-deadline-ms"
    begun = time.monotonic()
    response, _ = ask(document(**{key: 5}), lambda: sleep(30))
    assert response.status == 504
    assert time.monotonic() - begun < 5
    assert ask(document(**{key: 30_000}), lambda: None)[0].status == 204


@pytest.mark.parametrize("value", [0, -1, "5", True, None, [], {}, 1.5])
@pytest.mark.parametrize("key", ["x-photon-body-limit", "x-photon-deadline-ms"])
def test_a_limit_that_is_none_keeps_the_application_from_starting(key: str, value: object) -> None:
    right = {"x-photon-body-limit": [0]}.get(key, [1.5])
    if value in right and not isinstance(value, bool):
        return
    with pytest.raises(DocumentError, match=f"/paths/~1x/post/{key}: .* is not a number of"):
        ask(document(**{key: value}), lambda: None)


def test_a_limit_of_the_handlers_own_is_not_taken_for_that_of_the_operation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def ask_upstream() -> None:
        with deadline(0.001):
            sleep(30)

    response, request = ask(document(**{"x-photon-deadline-ms": 30_000}), ask_upstream)
    assert response.status == 500
    assert isinstance(request.failure, DeadlineExceeded)
    assert "0.001 seconds was exceeded" in caplog.text


def test_a_deadline_does_not_change_other_refusals() -> None:
    def refuse() -> None:
        raise HttpError(418, "I am a teapot")

    assert ask(document(**{"x-photon-deadline-ms": 1000}), refuse)[0].status == 418
