"""One reader for names, kinds, defaults and types, whatever decorates a callable."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import attrs
import pytest

from photon_runtime.errors import SignatureError
from photon_runtime.signatures import (
    CallableSignature,
    Parameter,
    read_callable,
    resolve_local_names,
)

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Item: ...


class Request: ...


@attrs.define
class Box(Generic[T]):
    content: T


def base(item: Annotated[Item, "json"], page: list[int] | None = None) -> list[Item]:
    return [item] * len(page or ())


BASE = {"item": Annotated[Item, "json"], "page": list[int] | None}


def types_of(function: Callable[..., object], owner: type | None = None) -> dict[str, Any]:
    return {each.name: each.annotation for each in read_callable(function, owner=owner).parameters}


def by_name(signature: CallableSignature) -> list[str]:
    return [each.name for each in signature.parameters if each.is_by_name]


# -- decorators that leave the signature


def wrapping(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def signing(function: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    wrapper.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    return wrapper


class Wrapping:
    def __init__(self, function: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class Proxy:
    """A wrapper without annotations and a dictionary of its own, as wrapt and C extensions have."""

    __slots__ = ("__wrapped__",)

    def __init__(self, function: Any) -> None:
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


def copying(function: Any) -> Any:
    """A decorator that copies annotations by their values into another module."""
    names: dict[str, Any] = {"function": function}
    exec("def wrapper(item, page=None): return function(item, page)", names)
    wrapper = names["wrapper"]
    wrapper.__annotations__ = dict(function.__annotations__)
    wrapper.__wrapped__ = function
    return wrapper


@pytest.mark.parametrize(
    "decorate",
    [
        wrapping,
        signing,
        Wrapping,
        Proxy,
        copying,
        functools.lru_cache,
        functools.cache,
        staticmethod,
        pytest.param(lambda function: wrapping(Wrapping(signing(wrapping(function)))), id="four"),
        pytest.param(lambda function: Wrapping(functools.cache(Proxy(function))), id="three"),
    ],
)
def test_a_decorator_that_adds_nothing_leaves_names_and_types(decorate: Any) -> None:
    signature = read_callable(decorate(base))
    assert {each.name: each.annotation for each in signature.parameters} == BASE
    assert [each.default for each in signature.parameters] == [Parameter.empty, None]
    assert signature.result == list[Item]


def test_what_passes_through_names_is_passed_by_its_name() -> None:
    assert by_name(read_callable(wrapping(base))) == ["item", "page"]
    assert by_name(read_callable(base)) == []

    def only_names(**kwargs: Any) -> Any: ...

    only_names.__wrapped__ = base  # type: ignore[attr-defined]
    kinds = {each.kind for each in read_callable(only_names).parameters}
    assert kinds == {Parameter.KEYWORD_ONLY}


def test_a_context_manager_has_the_parameters_of_its_generator() -> None:
    @contextlib.contextmanager
    def session(page: list[int]) -> Iterator[Item]:
        yield Item()

    assert types_of(session) == {"page": list[int]}


# -- decorators that change it


def test_a_parameter_that_a_signature_adds_has_its_type() -> None:
    def with_request(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, request: Request, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        old = inspect.signature(function)
        added = Parameter("request", Parameter.KEYWORD_ONLY, annotation=Request)
        wrapper.__signature__ = old.replace(  # type: ignore[attr-defined]
            parameters=[*old.parameters.values(), added]
        )
        return wrapper

    assert types_of(with_request(base)) == {**BASE, "request": Request}
    # A further wrapper copies the dictionary, with the signature in it.
    assert types_of(wrapping(with_request(base))) == {**BASE, "request": Request}


def test_a_parameter_that_a_signature_removes_is_gone() -> None:
    def wrapper(*args: Any, **kwargs: Any) -> Any: ...

    functools.update_wrapper(wrapper, base)
    left = inspect.signature(base).replace(
        parameters=[Parameter("page", Parameter.POSITIONAL_OR_KEYWORD, annotation="list[int]")],
        return_annotation=inspect.Signature.empty,
    )
    wrapper.__signature__ = left  # type: ignore[attr-defined]
    assert types_of(wrapper) == {"page": list[int]}
    assert read_callable(wrapper).result == list[Item]


def test_a_declared_parameter_without_annotation_has_that_of_the_wrapped_function() -> None:
    def wrapper(**kwargs: Any) -> Any: ...

    wrapper.__wrapped__ = base  # type: ignore[attr-defined]
    wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [Parameter("item", Parameter.POSITIONAL_OR_KEYWORD)]
    )
    assert types_of(wrapper) == {"item": BASE["item"]}


def test_a_signature_that_the_function_does_not_take_is_refused() -> None:
    def wrapper(page: int) -> Any: ...

    wrapper.__signature__ = inspect.signature(base)  # type: ignore[attr-defined]
    with pytest.raises(SignatureError, match="does not take 'item', which its `__signature__` has"):
        read_callable(wrapper)


def test_a_parameter_that_a_wrapper_adds_is_refused_if_its_type_is_lost() -> None:
    @functools.wraps(base)
    def wrapper(request: Request, *args: Any, **kwargs: Any) -> Any: ...

    with pytest.raises(SignatureError, match=r"takes 'request', .* overwritten its annotation"):
        read_callable(wrapper)


def test_a_parameter_that_a_wrapper_adds_has_its_type_if_it_is_kept() -> None:
    @functools.wraps(base, assigned=("__name__", "__qualname__", "__doc__"))
    def wrapper(request: Request, *args: Any, size: int = 3, **kwargs: Any) -> Any: ...

    assert types_of(wrapper) == {"request": Request, **BASE, "size": int}
    assert read_callable(wrapper).result == list[Item]

    class Adding(Wrapping):
        def __call__(self, request: Request, *args: Any, **kwargs: Any) -> Any: ...

    assert types_of(Adding(base)) == {"request": Request, **BASE}


def test_an_option_of_a_decorator_is_not_a_parameter_of_the_call() -> None:
    @functools.wraps(base)
    def wrapper(*args: Any, retries: int = 3, **kwargs: Any) -> Any: ...

    assert types_of(wrapper) == BASE


def test_what_a_wrapper_makes_by_itself_is_not_a_parameter() -> None:
    def handler(user: Decimal, page: int) -> Item: ...  # type: ignore[empty-body]

    @functools.wraps(handler)
    def wrapper(page: int) -> Item: ...  # type: ignore[empty-body]

    assert types_of(wrapper) == {"page": int}


def test_a_wrapper_that_disagrees_has_the_last_word() -> None:
    @functools.wraps(base, assigned=())
    def wrapper(item: Any, page: int) -> Item:
        return base(item, [page])[0]

    assert types_of(wrapper) == {"item": BASE["item"], "page": int}
    assert read_callable(wrapper).result is Item


# -- partial functions, methods, objects and classes


def test_a_partial_function_knows_what_it_has_bound() -> None:
    partial = functools.update_wrapper(functools.partial(base, page=[1]), base)
    item, page = read_callable(partial).parameters
    assert (item.name, item.annotation, item.is_bound) == ("item", BASE["item"], False)
    assert (page.default, page.kind, page.is_bound) == ([1], Parameter.KEYWORD_ONLY, True)
    assert types_of(functools.partial(base, Item())) == {"page": BASE["page"]}
    with pytest.raises(SignatureError, match=r"takes 2 arguments by position, and .* binds 3"):
        read_callable(functools.partial(base, 1, 2, 3))  # type: ignore[call-arg, arg-type]


class Service:
    class Body: ...

    date: Item | None = None

    def method(self, body: Body, date: Item) -> Body:
        return body

    @wrapping
    def wrapped(self, body: Body) -> Body:
        return body

    @classmethod
    def of_class(cls, body: Body) -> None: ...

    @staticmethod
    def alone(body: Body) -> None: ...

    first = functools.partialmethod(method, Body())

    def __call__(self, body: Body) -> None: ...


def test_methods_and_objects_have_the_types_of_their_class() -> None:
    service = Service()
    assert types_of(service.method) == {"body": Service.Body, "date": Item}
    assert read_callable(service.method).result is Service.Body
    assert types_of(service.first) == {"date": Item}
    for each in (service, service.wrapped, service.of_class, Service.of_class, Service.alone):
        assert types_of(each) == {"body": Service.Body}, each
    own = types_of(Service.wrapped, Service)
    assert own == {"self": Parameter.empty, "body": Service.Body}
    assert by_name(read_callable(Service.wrapped, owner=Service)) == ["body"]


class Once(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class Single(metaclass=Once):
    @wrapping
    def __init__(self, item: Item) -> None: ...


class Made:
    def __new__(cls, *args: Any, **kwargs: Any) -> Made:
        return super().__new__(cls)

    def __init__(self, item: Item) -> None: ...


@attrs.define
class Members:
    _item: Item
    pages: list[int] = attrs.field(factory=list)


@pytest.mark.parametrize("cls", [Single, Made])
def test_a_class_has_the_parameters_of_all_its_constructors(cls: type) -> None:
    assert types_of(cls) == {"item": Item}
    assert read_callable(cls).result is Parameter.empty


def test_generated_constructors_have_the_types_of_their_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert types_of(Members) == {"item": Item, "pages": list[int]}
    other = types.ModuleType("other")
    monkeypatch.setitem(sys.modules, "other", other)
    vars(other).update(Members=Members, attrs=attrs, Item=str)
    exec("@attrs.define\nclass Heir(Members):\n    more: Item = ''", vars(other))
    assert types_of(other.Heir) == {"item": Item, "pages": list[int], "more": str}


# -- names


def test_local_classes_are_known_while_their_function_runs() -> None:
    @attrs.define
    class Line:
        amount: int

    @attrs.define
    class Order:
        lines: list[Line]
        after: Order | None = None

    def handler(order: Order, first: Annotated[Line, 1], box: Box[Line]) -> dict[str, Order]:
        raise NotImplementedError

    assert types_of(handler) == {"order": Order, "first": Annotated[Line, 1], "box": Box[Line]}
    assert read_callable(handler).result == dict[str, Order]
    # The classes of the arguments can be read later, too, by any library.
    assert typing.get_type_hints(Order) == {"lines": list[Line], "after": Order | None}


def test_a_local_class_takes_precedence_over_one_of_the_module() -> None:
    class Item: ...

    def handler(item: Item) -> None: ...

    assert types_of(handler) == {"item": Item}


def test_names_of_all_enclosing_functions_are_known() -> None:
    def factory(model: type) -> Any:
        class View:
            def get(self, item: model, outer: Outer) -> None: ...  # type: ignore[valid-type]

        return types_of(View.get, View)

    class Outer: ...

    found = factory(Item)
    assert found == {"self": Parameter.empty, "item": Item, "outer": Outer}


def test_names_are_resolved_before_a_function_is_stored() -> None:
    def factory() -> Any:
        class Local: ...

        @wrapping
        def provider(local: Local) -> Local:
            return local

        resolve_local_names(provider)
        return Local, provider

    local, provider = factory()
    assert types_of(provider) == {"local": local}
    assert read_callable(provider).result is local


def test_a_name_of_a_function_that_has_returned_is_refused_with_the_remedy() -> None:
    def factory() -> Any:
        class Local: ...

        def handler(local: Local) -> None: ...

        return handler

    with pytest.raises(SignatureError) as caught:
        read_callable(factory())
    message = str(caught.value)
    assert "argument local: the annotation 'Local' names 'Local'" in message
    assert "register the function inside of it" in message


def later(price: Decimal, item: Itme) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def test_a_name_of_type_checkers_is_refused_with_function_parameter_and_remedy() -> None:
    with pytest.raises(SignatureError) as caught:
        read_callable(later)
    message = str(caught.value)
    assert message.startswith("later (")
    assert "argument price: the annotation 'Decimal' names 'Decimal'" in message
    assert "not under TYPE_CHECKING" in message


def test_a_misspelt_name_is_refused_with_the_nearest() -> None:
    def handler(item: list[Itme]) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(SignatureError, match=r"names 'Itme'.*did you mean 'Item'"):
        read_callable(handler)


def test_a_result_that_cannot_be_resolved_is_refused() -> None:
    def handler() -> Decimal: ...  # type: ignore[empty-body]

    with pytest.raises(SignatureError, match="its result: the annotation 'Decimal'"):
        read_callable(handler)


@pytest.mark.parametrize("text", ["1/0", "Item[", "Item.missing", "Generic"])
def test_an_invalid_annotation_is_refused_with_its_text(text: str) -> None:
    def handler(item: Any) -> None: ...

    handler.__annotations__["item"] = text
    with pytest.raises(SignatureError) as caught:
        read_callable(handler)
    assert f"argument item: the annotation {text!r} is invalid" in str(caught.value)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax of Python 3.12")
def test_type_parameters_and_aliases_are_read() -> None:
    names: dict[str, Any] = {"wrapping": wrapping}
    code = """
        from __future__ import annotations

        type Number = int

        def generic[T: int](value: T, number: Number) -> list[T]: ...

        class Service[T]:
            def method(self, value: T) -> T: ...

        wrapped = wrapping(generic)
        """
    exec(textwrap.dedent(code), names)
    for function in (names["generic"], names["wrapped"]):
        assert types_of(function) == {"value": int, "number": names["Number"]}
        assert read_callable(function).result == list[int]
    (variable,) = names["Service"].__type_params__
    assert types_of(names["Service"]().method) == {"value": variable}


N = TypeVar("N", int, str)
B = TypeVar("B", bound=Item)


def test_type_variables_of_a_function_stand_for_what_is_known() -> None:
    def handler(number: Any, box: Any, any: Any) -> Any: ...

    texts = {"number": "N", "box": "Box[B]", "any": "T", "return": "B"}
    handler.__annotations__ = dict(texts)
    assert types_of(handler) == {
        "number": int | str,
        "box": Box[Item],
        "any": T,
    }
    assert read_callable(handler).result is Item


def test_builtin_callables_are_read_or_refused() -> None:
    assert types_of(len) == {"obj": Parameter.empty}
    with pytest.raises(SignatureError, match=r"^dict: "):
        read_callable(dict)
