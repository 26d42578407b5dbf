"""Test functions that run as the first task of a hub."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .._run import run as run_in_real_time
from .._virtual import run as run_in_virtual_time

P = ParamSpec("P")
T = TypeVar("T")


def in_hub(test: Callable[P, T], /) -> Callable[P, T]:
    """Run a test function as the first task of a new hub, each time that it is called.

    The name and the parameters of the function are preserved, so that pytest passes its fixtures.
    Put the decorator below those that call the function several times, such as
    ``hypothesis.given``.

    Args:
        test: A function that spawns tasks or waits; see `photon_runtime.run`.

    Returns:
        A function that raises what ``test`` raises.

    Example:
        >>> import photon_runtime as rt
        >>> from photon_runtime.testing import in_hub
        >>> @in_hub
        ... def test_a_task_has_a_result() -> None:
        ...     assert rt.spawn(lambda: 42).result() == 42
        >>> test_a_task_has_a_result()
    """

    @functools.wraps(test)
    def run_test(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_real_time(test, *args, **kwargs)

    return run_test


def in_virtual_time(test: Callable[P, T], /) -> Callable[P, T]:
    """Run a test function as `in_hub` does, in virtual time, where ``sleep`` returns at once.

    Each call has a new `VirtualClock`, see `photon_runtime.testing.run`. Call that function for a
    clock of your own, or to run the tasks in the order of a seed.

    Args:
        test: A function that spawns tasks or waits.

    Returns:
        A function that raises what ``test`` raises.

    Example:
        >>> import photon_runtime as rt
        >>> from photon_runtime.testing import in_virtual_time
        >>> @in_virtual_time
        ... def test_a_deadline_passes_within_no_time() -> None:
        ...     with rt.deadline(3600):
        ...         rt.sleep(3599)
        >>> test_a_deadline_passes_within_no_time()
    """

    @functools.wraps(test)
    def run_test(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_virtual_time(functools.partial(test, *args, **kwargs))

    return run_test
