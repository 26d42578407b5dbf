"""`Provision`: provided values outside of requests, such as for a job.

Theory of operation. The providers are those of requests, with the overrides of tests, and their
rules are the same: one value for each provider, made in the order of their needs; generators resume
in reverse order, and get the error of the block, if any. The difference is that a request does not
exist: an argument that would come from it has its default, and a provider that needs one is refused
when the provision is made, at start.

Values of the application are made after the lifespans. A block that begins before waits for them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeAlias

import photon_runtime as rt
from photon_openapi.annotations import origin_of, strip_alias, without_none
from photon_runtime.callables import location, require_value

from ..annotations import Dependency, Provider
from ..errors import SignatureError
from ..signatures import Argument
from ._application_values import ApplicationValues, Cell
from ._entering import as_context_manager
from ._providers import Providers

Values: TypeAlias = dict[Any, Any]
Step: TypeAlias = Callable[[Values, ExitStack], object]
_START_TIMEOUT = 60.0


class Provision:
    """Makes values of provided classes; a function that returns a context manager.

    Args:
        providers: Returns the providers of the application, with the overrides of now.
        classes: The classes, or annotations with `Depends`.
        user: What needs them, for messages.

    Raises:
        SignatureError: A class is not provided, or its provider needs a request.
    """

    def __init__(
        self, providers: Callable[[], Providers], classes: Sequence[Any], user: str
    ) -> None:
        """Check the providers of now."""
        self._providers = providers
        self._classes = tuple(classes)
        self._user = user
        self._known: Providers | None = None
        self._plan: Plan
        self._current()

    def __call__(self) -> AbstractContextManager[tuple[Any, ...]]:
        """Return a context manager that yields the values, in the order of the classes."""
        return self._current().made()

    def _current(self) -> Plan:
        providers = self._providers()
        if providers is not self._known:
            plan = Plan(providers, self._user)
            plan.keys = [plan.add(plan.dependency_of(cls), ()) for cls in self._classes]
            self._plan, self._known = plan, providers
        return self._plan


class Plan:
    """The calls of providers, in their order.

    Attributes:
        keys: The keys of the values that are yielded.
    """

    def __init__(self, providers: Providers, user: str) -> None:
        """Plan nothing yet."""
        self.keys: list[Any] = []
        self._providers = providers
        self._user = user
        self._steps: dict[Any, Step] = {}

    @contextmanager
    def made(self) -> Iterator[tuple[Any, ...]]:
        """Yield the values of the keys, and release them at the end of the block."""
        values: Values = {}
        with ExitStack() as stack:
            for key, step in self._steps.items():
                values[key] = step(values, stack)
            yield tuple(values[key] for key in self.keys)

    def dependency_of(self, annotation: Any) -> Dependency:
        """Return the dependency of an annotation.

        Raises:
            SignatureError: The application does not provide it.
        """
        for item in getattr(annotation, "__metadata__", ()):
            if isinstance(item, Dependency):
                return self._providers.overridden(item)
        plain = strip_alias(without_none(annotation))
        cls = origin_of(plain) or plain
        provided = self._providers.provided(cls) if isinstance(cls, type) else None
        if provided is None:
            name = getattr(cls, "__qualname__", repr(cls))
            raise SignatureError(
                f"{self._user} needs a {name}, and the application does not provide it: write "
                f"app.provide({name}, ...), or add the part that does"
            )
        return provided

    def add(self, dependency: Dependency, above: tuple[Provider, ...]) -> Any:
        """Add the calls that make a value; return its key."""
        provider = dependency.provider
        key: Any = (dependency.scope, provider) if dependency.use_cache else object()
        if key in self._steps:
            return key
        if provider in above:
            names = ", which needs ".join(location(each) for each in (*above, provider))
            raise SignatureError(f"circular dependencies: {names}")
        if dependency.scope == "application":
            cell = self._providers.cell(provider)
            self._steps[key] = functools.partial(_read, self._providers.application, cell)
        else:
            self._steps[key] = self._call(provider, (*above, provider))
        return key

    def _call(self, provider: Provider, above: tuple[Provider, ...]) -> Step:
        positional: list[Any] = []
        named: list[tuple[str, Any]] = []
        is_complete = True
        for argument in self._providers.signature_of(provider).arguments:
            dependency = self._providers.dependency_of(argument)
            key = (
                self._unprovided(provider, argument)
                if dependency is None
                else self.add(dependency, above)
            )
            if key is None:
                is_complete = False
            elif is_complete and not argument.is_keyword:
                positional.append(key)
            else:
                named.append((argument.name, key))
        scoped = as_context_manager(provider)

        def make(values: Values, stack: ExitStack) -> object:
            arguments = [values[key] for key in positional]
            value = (scoped or provider)(*arguments, **{name: values[key] for name, key in named})
            return require_value(value if scoped is None else stack.enter_context(value), provider)

        return make

    def _unprovided(self, provider: Provider, argument: Argument) -> Any:
        """Return the key of an argument that is not provided; ``None`` for its default."""
        if argument.is_required:
            what = "the request" if argument.is_request else f"{argument.name!r} from a request"
            raise SignatureError(
                f"{self._user} runs outside of requests, and the provider {location(provider)} "
                f"needs {what}: give its argument {argument.name} a default, or provide a class "
                "that does without"
            )
        return None


def _read(application: ApplicationValues, cell: Cell, values: Values, stack: ExitStack) -> object:
    if not cell.is_made:
        application.make()  # of an override
    if not cell.is_made:
        with rt.deadline(_START_TIMEOUT):
            while not cell.is_made:
                rt.sleep(0.01)
    return cell.value
