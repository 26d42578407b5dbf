from typing import Any

import pytest
from jinja2 import pass_context

from photon_runtime.errors import SignatureError
from photon_templates import TemplatesPart

any_part: Any = TemplatesPart


async def asynchronous(value: object) -> str:
    return ""


@pass_context
def of_context(context: object) -> str:
    return ""


def nothing() -> str:
    return ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": [len]}, "filters=... has functions by their names"),
        ({"filters": {"price": "price"}}, "'price' is not a function"),
        ({"filters": {"price": asynchronous}}, "is an async function"),
        ({"filters": {"price": nothing}}, "called with the value as its first argument"),
        ({"filters": {"price": of_context}}, "called with the value as its second argument"),
        ({"tests": {"cheap": nothing}}, "called with the value as its first argument"),
        ({"globals": [len]}, "globals=... has values by their names"),
        ({"globals": {"user": asynchronous}}, "is an async function"),
        ({"folders": "templates"}, "folders=... is a list"),
        ({"packages": "shop"}, "packages=... is a list"),
    ],
)
def test_functions_that_can_never_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        any_part(**options)


def test_functions_that_work_are_accepted() -> None:
    @pass_context
    def priced(context: object, value: float, currency: str = "EUR") -> str:
        return f"{value} {currency}"

    def each(values: list[int]) -> Any:
        yield from values

    TemplatesPart(
        filters={"priced": priced, "each": each, "upper": str.upper, "number": int, "length": len},
        tests={"known": lambda value, *others: value in others},
        globals={"now": nothing, "limit": 3, "Kind": dict},
    )
