"""Context variables whose values change in place: each request gets values of its own.

Theory of operation. A request starts in a copy of the application's context variables, and what it
sets ends with it. But a copy refers to the same values, and some libraries change theirs in place:
a `decimal.Context`, whose precision an assignment sets, and the scopes of the Sentry SDK, to which
tags and users are added. They are made at their first use, so in most applications each request
makes its own; but where the start of an application has made one, all requests would share it. So
the context is examined once, at the end of the start. A decimal context without changes is left
out, other values are copied at the start of each request, and where the context has none of
them, which is the usual case, a request does nothing.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

Renewal = tuple[ContextVar[Any], Callable[[], object]]
"""A context variable, and the function that returns the value for one request."""

_SENTRY = "sentry_sdk.scope"


def shareable(context: Context) -> tuple[Context, list[Renewal]]:
    """Return the context that copies may be made of, and what each copy needs besides.

    Args:
        context: Context at the end of the start of an application.

    Returns:
        The context, which is another one if a value had to be left out; and the variables to set
        in each copy.
    """
    dropped: list[ContextVar[Any]] = []
    renewals: list[Renewal] = []
    for variable, value in context.items():
        if isinstance(value, decimal.Context):
            if _is_default(value):
                dropped.append(variable)
            else:
                own = value.copy()
                own.clear_flags()
                renewals.append((variable, own.copy))
        elif type(value).__module__ == _SENTRY:
            renewals.append((variable, value.fork))
    return (_without(context, dropped) if dropped else context), renewals


def renew(renewals: list[Renewal]) -> None:
    """Give the current context, which is the copy of a request, values of its own."""
    for variable, make in renewals:
        variable.set(make())


def _without(context: Context, dropped: list[ContextVar[Any]]) -> Context:
    rest = Context()
    for variable, value in context.items():
        if variable not in dropped:
            rest.run(variable.set, value)
    return rest


def _is_default(value: decimal.Context) -> bool:
    default = decimal.DefaultContext
    return value.traps == default.traps and all(
        getattr(value, name) == getattr(default, name)
        for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    )
