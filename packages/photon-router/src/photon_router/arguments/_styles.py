"""The styles of parameters: from what stands in a request to texts.

A style says how a value is written, `explode` whether its parts stand by themselves (OpenAPI 3.1,
"Style Values" and "Style Examples", after RFC 6570):

==============  =========  ==========================  ========================  ===================
style           explode    one text                    list                      object
==============  =========  ==========================  ========================  ===================
matrix          false      ``;color=blue``             ``;color=blue,black``     ``;color=R,1,G,2``
matrix          true       ``;color=blue``             ``;color=blue;color=red`` ``;R=1;G=2``
label           false      ``.blue``                   ``.blue,black``           ``.R,1,G,2``
label           true       ``.blue``                   ``.blue.black``           ``.R=1.G=2``
simple          false      ``blue``                    ``blue,black``            ``R,1,G,2``
simple          true       ``blue``                    ``blue,black``            ``R=1,G=2``
form            false      ``color=blue``              ``color=blue,black``      ``color=R,1,G,2``
form            true       ``color=blue``              ``color=blue&color=red``  ``R=1&G=2``
spaceDelimited  false      -                           ``color=blue%20black``    ``color=R%201``
pipeDelimited   false      -                           ``color=blue%7Cblack``    ``color=R%7C1``
deepObject      true       -                           -                         ``color[R]=1``
==============  =========  ==========================  ========================  ===================

Where the table has nothing, a value is read in the exploded form. What is delimited is cut before
it is decoded, so that an encoded delimiter belongs to the text in which it stands. But many clients
encode all delimiters: a text with no other is cut at the encoded ones. A path may lack the
prefix of its style, ``1,2`` for ``;ids=1,2``, as many clients send it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, Union

from photon_openapi.document import parameters_of, split_segment
from photon_runtime.http import Request, decode_percent

Kind: TypeAlias = Literal["text", "list", "object"]
Tree: TypeAlias = Mapping[str, Union[list[str], "Tree"]]
"""The texts of an object by the names of its members; those of a member that is an object, too."""
Texts: TypeAlias = str | list[str] | Tree
Reader: TypeAlias = Callable[[Request], Any]
"""Finds the texts of a parameter, ``None`` where the request has none; ``ValueError`` says that
they are not written in its style."""
_Pairs: TypeAlias = list[tuple[str, str]]

_DEFAULT_STYLE = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
# A text with more levels of brackets is not looked into: nobody means it.
_DEEPEST = 16
_DELIMITERS = {"spaceDelimited": " ", "pipeDelimited": "|"}
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def texts_reader(
    parameter: Mapping[str, Any],
    kind: Kind,
    template: str,
    *,
    members: Collection[str] | None = None,
    others: Collection[str] = (),
) -> Reader:
    """Return what finds the texts of a parameter in a request.

    Args:
        parameter: The parameter object of the document.
        kind: What it takes: one text, a list, or an object.
        template: The path template.
        members: The names that an object may have; ``None`` for any. It concerns objects whose
            members stand among other parameters.
        others: The names of these other parameters.
    """
    place = parameter["in"]
    style = parameter.get("style", _DEFAULT_STYLE.get(place, "form"))
    explode = parameter.get("explode", style in ("form", "cookie", "deepObject"))
    if place == "path":
        return _path_reader(parameter["name"], template, style, kind, explode=explode)
    if place == "header":
        return _header_reader(parameter["name"], kind, explode=explode)
    is_mine = _chooser(members, others)
    if place == "cookie":
        return _cookie_reader(parameter["name"], kind, is_mine, explode=explode)
    if style == "deepObject" and kind == "object":
        return _deep_reader(parameter["name"])
    delimiter = None if explode else _DELIMITERS.get(style, ",")
    return _query_reader(parameter["name"], kind, is_mine, delimiter=delimiter)


def _chooser(members: Collection[str] | None, others: Collection[str]) -> Callable[[str], bool]:
    if members is not None:
        return frozenset(members).__contains__
    taken = frozenset(others)
    return lambda name: name not in taken


# -- path --------------------------------------------------------------------------------------


def _path_reader(name: str, template: str, style: str, kind: Kind, *, explode: bool) -> Reader:
    index = parameters_of(template).index(name)
    parse = _PATH_STYLES.get(style, _read_simple)
    if kind == "text" and parse is _read_simple:
        return lambda request: request._path_values[index]
    raw = _raw_segment(name, template)

    def read(request: Request) -> Texts:
        text = request._path_values[index]
        if "%" not in request.raw_path:
            return parse(text, name, kind, explode, str)
        return parse(raw(request.raw_path, text), name, kind, explode, decode_percent)

    return read


def _raw_segment(name: str, template: str) -> Callable[[str, str], str]:
    """Return what finds the value of a parameter in a path before it is decoded.

    Segments are counted from the end, since the template does not have the server's path.
    """
    segments = template.split("/")
    behind = next(at for at, each in enumerate(reversed(segments), 1) if f"{{{name}}}" in each)
    segment = segments[-behind]
    number = parameters_of(segment).index(name)

    def find(path: str, decoded: str) -> str:
        taken = split_segment(segment, path.split("/")[-behind])
        # Literal text may be encoded, and a catch-all has several segments.
        if taken is None or decode_percent(taken[number]) != decoded:
            return decoded.replace("%", "%25")
        return taken[number]

    return find


_Decode: TypeAlias = Callable[[str], str]
_Parse: TypeAlias = Callable[[str, str, Kind, bool, _Decode], Texts]


def _read_simple(text: str, name: str, kind: Kind, explode: bool, decode: _Decode) -> Texts:
    if kind == "text":
        return decode(text)
    parts = _cut(text, ",", decode)
    return parts if kind == "list" else _tree(parts, explode=explode)


def _read_label(text: str, name: str, kind: Kind, explode: bool, decode: _Decode) -> Texts:
    text = text.removeprefix(".")
    if kind == "text":
        return decode(text)
    parts = _cut(text, "." if explode else ",", decode)
    if explode and len(parts) == 1 and "," in text:
        parts = _cut(text, ",", decode)
    return parts if kind == "list" else _tree(parts, explode=explode)


def _read_matrix(text: str, name: str, kind: Kind, explode: bool, decode: _Decode) -> Texts:
    if not text.startswith(";"):
        return _read_simple(text, name, kind, explode and "=" in text, decode)
    parts = text[1:].split(";")
    if kind == "object" and explode:
        return _tree([decode(part) for part in parts], explode=True)
    if any(part.partition("=")[0] != name for part in parts):
        raise ValueError(f"expected ;{name}=…")
    values = [part.partition("=")[2] for part in parts]
    if kind == "text":
        return decode(values[-1])
    if explode and not any("," in value for value in values):
        return [decode(value) for value in values] if values != [""] else []
    pieces = [piece for value in values for piece in _cut(value, ",", decode)]
    return pieces if kind == "list" else _tree(pieces, explode=False)


_PATH_STYLES: dict[str, _Parse] = {
    "simple": _read_simple,
    "label": _read_label,
    "matrix": _read_matrix,
}


# -- header and cookie -------------------------------------------------------------------------


def _header_reader(name: str, kind: Kind, *, explode: bool) -> Reader:
    key = name.lower()

    def read(request: Request) -> Texts | None:
        values = request.headers.getlist(key)
        if not values:
            return None
        text = ", ".join(values)
        if kind == "text":
            return text
        parts = [part.strip() for part in text.split(",")] if text else []
        return parts if kind == "list" else _tree(parts, explode=explode)

    return read


def _cookie_reader(
    name: str, kind: Kind, is_mine: Callable[[str], bool], *, explode: bool
) -> Reader:
    if kind == "text":
        return lambda request: request.cookies.get(name)

    def read(request: Request) -> Texts | None:
        if explode:
            pairs = _cookie_pairs(request)
            if kind == "object":
                return _grouped((key, value) for key, value in pairs if is_mine(key)) or None
            values = [value for key, value in pairs if key == name]
            if len(values) == 1:  # as it is written where it is not exploded
                return values[0].split(",")
            return values or None
        text = request.cookies.get(name)
        if text is None:
            return None
        parts = text.split(",") if text else []
        return parts if kind == "list" else _tree(parts, explode=False)

    return read


def _cookie_pairs(request: Request) -> _Pairs:
    """Return all cookies; ``&``, by which RFC 6570 parts the values of one, parts cookies, too."""
    pairs = []
    for field in request.headers.getlist("cookie"):
        for part in re.split("[;&]", field):
            name, separator, value = part.partition("=")
            if separator:
                pairs.append((name.strip(), value.strip().strip('"')))
    return pairs


# -- query -------------------------------------------------------------------------------------


def _query_reader(
    name: str, kind: Kind, is_mine: Callable[[str], bool], *, delimiter: str | None
) -> Reader:
    """Return what reads a parameter in the form style; without ``delimiter`` it is exploded."""
    if kind == "text":
        return lambda request: request.query.get(name)
    if delimiter is None:
        if kind == "list":
            return lambda request: request.query.getlist(name) or None

        def read_members(request: Request) -> Tree | None:
            pairs = request.query.pairs()
            return _grouped((key, value) for key, value in pairs if is_mine(key)) or None

        return read_members

    def read(request: Request) -> Texts | None:
        found = False
        parts: list[str] = []
        for value, decode in _values_of(request, name):
            found = True
            parts += _cut(value, delimiter, decode)
        if not found:
            return None
        return parts if kind == "list" else _tree(parts, explode=False)

    return read


def _values_of(request: Request, name: str) -> Iterable[tuple[str, _Decode]]:
    """Yield the values of a query parameter with what decodes them."""
    decoded = request.query.getlist(name)
    if "%" not in request.raw_query:
        return [(value, str) for value in decoded]
    parts = (part.partition("=") for part in request.raw_query.split("&"))
    return [(raw, _decode_component) for key, _, raw in parts if _decode_component(key) == name]


def _decode_component(raw: str) -> str:
    return decode_percent(raw.replace("+", " "))


def _deep_reader(name: str) -> Reader:
    prefix = f"{name}["

    def read(request: Request) -> Tree | None:
        tree: dict[str, Any] = {}
        for key, value in request.query.pairs():
            if key.startswith(prefix):
                steps = _BRACKETS.findall(key[len(name) :])
                if "".join(f"[{step}]" for step in steps) != key[len(name) :]:
                    raise ValueError(f"expected {name}[…]=…")
                _hang(tree, steps, value)
        return tree or None

    return read


def _hang(tree: dict[str, Any], steps: Sequence[str], value: str) -> None:
    """Put a value at the end of its steps; ``name[]`` is one of several of ``name``."""
    if len(steps) > _DEEPEST:
        raise ValueError("is nested too deeply")
    if len(steps) > 1 and steps[-1] == "":
        steps = steps[:-1]
    for step in steps[:-1]:
        tree = _of_kind(dict, tree, step)
    _of_kind(list, tree, steps[-1]).append(value)


def _of_kind(kind: type[Any], tree: dict[str, Any], name: str) -> Any:
    """Return the member of a tree, which is made if need be."""
    found = tree.setdefault(name, kind())
    if type(found) is not kind:
        raise ValueError(f"gives {name!r} a value and members")
    return found


# -- pieces ------------------------------------------------------------------------------------


def _cut(text: str, delimiter: str, decode: _Decode) -> list[str]:
    """Cut a text that is still encoded; one without a delimiter at the encoded ones."""
    if not text:
        return []
    if delimiter in text:
        return [decode(part) for part in text.split(delimiter)]
    return decode(text).split(delimiter)


def _tree(parts: Sequence[str], *, explode: bool) -> Tree:
    """Make an object of ``R=1`` or of names and values in turn."""
    if explode:
        pairs = [part.partition("=") for part in parts]
        if not all(separator for _, separator, _ in pairs):
            raise ValueError("expected name=value for each member")
        return _grouped((name, value) for name, _, value in pairs)
    if len(parts) % 2:
        raise ValueError("expected names and values in turn")
    return _grouped(zip(parts[::2], parts[1::2], strict=True))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    tree: dict[str, list[str]] = {}
    for name, value in pairs:
        tree.setdefault(name, []).append(value)
    return tree
