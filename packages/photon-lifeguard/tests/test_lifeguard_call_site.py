from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from photon_lifeguard._call_site import CallSite, call_site, is_called_by


def called_from(filename: str, module: str, **names: object) -> Callable[[Callable[[], Any]], Any]:
    """Return a function that calls another, as if it were written in a file."""
    namespace: dict[str, Any] = {"__name__": module, **names}
    exec(compile("def call(function):\n\n    return function()\n", filename, "exec"), namespace)
    call: Callable[[Callable[[], Any]], Any] = namespace["call"]
    return call


def test_a_call_site_is_the_line_of_the_caller() -> None:
    site = call_site()
    assert str(site) == f"{__file__}:{sys._getframe().f_lineno - 1}"


def test_frames_of_libraries_are_left_out() -> None:
    sqlalchemy = called_from("/somewhere/orm.py", "sqlalchemy.orm")
    router = called_from("/checkout/dispatch.py", "photon_router.dispatch")
    standard = called_from(f"{sysconfig.get_paths()['stdlib']}/queue.py", "queue")
    generated = called_from("<attrs generated init>", "shop")
    site = sqlalchemy(lambda: router(lambda: standard(lambda: generated(call_site))))
    assert str(site).startswith(f"{__file__}:")


def test_a_context_manager_of_a_library_is_not_the_line_of_contextlib() -> None:
    @contextlib.contextmanager
    def opened() -> Iterator[CallSite | None]:
        yield library(lambda: call_site())

    library = called_from("/somewhere/pool.py", "photon_lifeguard.pool")
    with opened() as site:
        assert str(site).startswith(f"{__file__}:")


def test_an_application_whose_name_begins_like_a_package_is_an_application() -> None:
    call = called_from("/srv/photon_shop/orders.py", "photon_shop.orders")
    assert str(call(lambda: sys_site(1))) == "/srv/photon_shop/orders.py:3"


def sys_site(skip: int) -> CallSite | None:
    return call_site(skip + 2)  # without this function and the lambda


def test_an_installed_application_is_found_where_there_is_no_other() -> None:
    installed = called_from(f"{sysconfig.get_paths()['purelib']}/shop/orders.py", "shop.orders")
    library = called_from("/somewhere/orm.py", "sqlalchemy.orm")
    inner = library(lambda: installed(lambda: call_site(3)))
    assert str(inner).startswith(f"{__file__}:")  # the test is not installed, and called it


def test_the_line_of_a_template_is_that_of_its_source() -> None:
    template = SimpleNamespace(get_corresponding_lineno=lambda line: line + 100)
    call = called_from("posts.html", "shop.templates", __jinja_template__=template)
    assert str(call(lambda: sys_site(1))) == "posts.html:103"


def test_a_caller_is_recognised_by_its_code() -> None:
    def outer() -> bool:
        return is_called_by(outer.__code__)

    assert outer()
    assert not is_called_by(outer.__code__)
