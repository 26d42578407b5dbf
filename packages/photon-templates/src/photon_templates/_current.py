"""The templates and the request that the calling code belongs to.

Theory of operation. Two context variables. The application sets its templates while it starts, and
every request, and every task that is spawned by one, begins with the variables of its application;
so two applications in one process never meet. The middleware of the part sets the request. Neither
is ever reset by a request: its context ends with it, and a streamed response still needs both.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from jinja2 import UndefinedError

from photon_runtime.http import Request

from .errors import TemplatesMissing

if TYPE_CHECKING:
    from .templates import Templates

templates_variable: ContextVar[Templates] = ContextVar("photon_templates")
request_variable: ContextVar[Request | None] = ContextVar("photon_templates_request", default=None)
is_error_page: ContextVar[bool] = ContextVar("photon_templates_error_page", default=False)
"""True while the page of an error is rendered, which may be outside of the session."""


def current_templates() -> Templates:
    """Return the templates of the application that the calling code belongs to.

    Raises:
        TemplatesMissing: It does not belong to one, or the application has no `TemplatesPart`.
    """
    try:
        return templates_variable.get()
    except LookupError:
        raise TemplatesMissing(
            "there are no templates here: add TemplatesPart() to the application, and call this "
            "from a handler or a task of the running application; scripts and tests use "
            "Templates(folder).render(name)"
        ) from None


def current_request() -> Request | None:
    """Return the request that the calling code belongs to; ``None`` outside of one."""
    return request_variable.get()


class CurrentRequest:
    """The global ``request`` of templates: the current request, for macros of other files, too.

    A module of macros is made once and used by many requests, so the global must be one object. It
    is false outside of a request.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the current request."""
        request = request_variable.get()
        if request is None:
            if name.startswith("__"):
                raise AttributeError(name)
            raise UndefinedError(f"request.{name} is undefined: this is not rendered for a request")
        return getattr(request, name)

    def __bool__(self) -> bool:
        """Return whether there is a request."""
        return request_variable.get() is not None

    def __repr__(self) -> str:
        """Show the current request."""
        return repr(request_variable.get())
