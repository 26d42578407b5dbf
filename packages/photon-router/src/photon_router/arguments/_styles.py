"""The styles of parameters: from a request to strings.

A style defines how a value is written, `explode` how its parts are separated (OpenAPI 3.1, "Style
Values" and "Style Examples", after RFC 6570):

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

Combinations without an entry in the table are read in the exploded form. Delimited values are split
before they are decoded, so that an encoded delimiter belongs to the string that contains it. But
many clients encode all delimiters: a string without a plain delimiter is split at the encoded ones.
A path may lack the prefix of its style, ``1,2`` for ``;ids=1,2``, as many clients send it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, Union

from photon_openapi.document import parameters_of, split_segment
from photon_runtime import speedups
from photon_runtime.http import Request, decode_percent

Kind: TypeAlias = Literal["text", "list", "object"]
Tree: TypeAlias = Mapping[str, Union[list[str], "Tree"]]
"""The strings of an object by the names of its members; a member may be an object again."""
Strings: TypeAlias = str | list[str] | Tree
Reader: TypeAlias = Callable[[Request], Any]
"""Finds the strings of a parameter, ``None`` if the request has none; raises ``ValueError`` if they
do not follow its style."""
_Pairs: TypeAlias = list[tuple[str, str]]

_DEFAULT_STYLE = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
# Names with more levels of brackets are rejected; legitimate clients do not send them.
_MAX_DEPTH = 16
_DELIMITERS = {"spaceDelimited": " ", "pipeDelimited": "|"}
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def strings_reader(
    parameter: Mapping[str, Any],
    kind: Kind,
    template: str,
    *,
    members: Collection[str] | None = None,
    others: Collection[str] = (),
) -> Reader:
    """Return the reader of the strings of a parameter.

    Args:
        parameter: The parameter object of the document.
        kind: One string, a list, or an object.
        template: The path template.
        members: The names that an object may have; ``None`` for any. It applies to objects whose
            members are mixed with other parameters.
        others: The names of these other parameters.
    """
    location = parameter["in"]
    style = parameter.get("style", _DEFAULT_STYLE.get(location, "form"))
    explode = parameter.get("explode", style in ("form", "cookie", "deepObject"))
    if location == "path":
        return _path_reader(parameter["name"], template, style, kind, explode=explode)
    if location == "header":
        return _header_reader(parameter["name"], kind, explode=explode)
    is_member = _is_member(members, others)
    if location == "cookie":
        return _cookie_reader(parameter["name"], kind, is_member, explode=explode)
    if style == "deepObject" and kind == "object":
        return _deep_reader(parameter["name"])
    delimiter = None if explode else _DELIMITERS.get(style, ",")
    return _query_reader(parameter["name"], kind, is_member, delimiter=delimiter)


def _is_member(members: Collection[str] | None, others: Collection[str]) -> Callable[[str], bool]:
    if members is not None:
        return frozenset(members).__contains__
    names = frozenset(others)
    return lambda name: name not in names


# -- path --------------------------------------------------------------------------------------


def _path_reader(name: str, template: str, style: str, kind: Kind, *, explode: bool) -> Reader:
    index = parameters_of(template).index(name)
    parse = _PATH_STYLES.get(style, _read_simple)
    if kind == "text" and parse is _read_simple:
        return speedups.step("path_value", lambda request: request._path_values[index], index)
    raw = _raw_segment(name, template)

    def read(request: Request) -> Strings:
        text = request._path_values[index]
        if "%" not in request.raw_path:
            return parse(text, name, kind, explode, str)
        return parse(raw(request.raw_path, text), name, kind, explode, decode_percent)

    return read


def _raw_segment(name: str, template: str) -> Callable[[str, str], str]:
    """Return a function that finds the encoded value of a parameter in a path.

    Segments are counted from the end, since the template does not include the server's path.
    """
    segments = template.split("/")
    from_end = next(at for at, each in enumerate(reversed(segments), 1) if f"{{{name}}}" in each)
    segment = segments[-from_end]
    number = parameters_of(segment).index(name)

    def find(path: str, decoded: str) -> str:
        values = split_segment(segment, path.split("/")[-from_end])
        # Literal text may be encoded, and a catch-all has several segments.
        if values is None or decode_percent(values[number]) != decoded:
            return decoded.replace("%", "%25")
        return values[number]

    return find


_Decode: TypeAlias = Callable[[str], str]
_Parse: TypeAlias = Callable[[str, str, Kind, bool, _Decode], Strings]


def _read_simple(text: str, name: str, kind: Kind, explode: bool, decode: _Decode) -> Strings:
    if kind == "text":
        return decode(text)
    if kind == "object" and explode:
        return _tree(_split_members(text, ",", decode), explode=True)
    parts = _split(text, ",", decode)
    return parts if kind == "list" else _tree(parts, explode=explode)


def _read_label(text: str, name: str, kind: Kind, explode: bool, decode: _Decode) -> Strings:
    text = text.removeprefix(".")
    if kind == "text":
        return decode(text)
    split = _split_members if kind == "object" and explode else _split
    parts = split(text, "." if explode else ",", decode)
    if explode and len(parts) == 1 and "," in text:
        parts = split(text, ",", decode)
    return parts if kind == "list" else _tree(parts, explode=explode)


def _read_matrix(text: str, name: str, kind: Kind, explode: bool, decode: _Decode) -> Strings:
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
    pieces = [piece for value in values for piece in _split(value, ",", decode)]
    return pieces if kind == "list" else _tree(pieces, explode=False)


_PATH_STYLES: dict[str, _Parse] = {
    "simple": _read_simple,
    "label": _read_label,
    "matrix": _read_matrix,
}


# -- header and cookie -------------------------------------------------------------------------


def _header_reader(name: str, kind: Kind, *, explode: bool) -> Reader:
    key = name.lower()

    def read(request: Request) -> Strings | None:
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
    name: str, kind: Kind, is_member: Callable[[str], bool], *, explode: bool
) -> Reader:
    if kind == "text":
        return lambda request: request.cookies.get(name)

    def read(request: Request) -> Strings | None:
        if explode:
            pairs = _cookie_pairs(request, ";&")  # RFC 6570 has `&`
            if kind == "object":
                return _grouped((key, value) for key, value in pairs if is_member(key)) or None
            values = [value for key, value in pairs if key == name]
            if len(values) == 1:  # possibly not exploded
                return values[0].split(",")
            return values or None
        texts = [value for key, value in _cookie_pairs(request, ";") if key == name]
        if not texts:
            return None
        parts = [part for text in texts if text for part in text.split(",")]
        return parts if kind == "list" else _tree(parts, explode=False)

    return read


def _cookie_pairs(request: Request, delimiters: str) -> _Pairs:
    """Return all cookies, which one of the delimiters separates."""
    pairs = []
    for field in request.headers.getlist("cookie"):
        for part in re.split(f"[{delimiters}]", field):
            name, separator, value = part.partition("=")
            if separator:
                pairs.append((name.strip(), value.strip().strip('"')))
    return pairs


# -- query -------------------------------------------------------------------------------------


def _query_value_reader(name: str) -> Reader:
    def read(request: Request) -> str | None:
        return request.query.get(name)

    is_plain = name.isascii() and name and "=" not in name
    return speedups.step("query_value", read, name) if is_plain else read


def _query_reader(
    name: str, kind: Kind, is_member: Callable[[str], bool], *, delimiter: str | None
) -> Reader:
    """Return the reader of a parameter in the form style; without ``delimiter`` it is exploded."""
    if kind == "text":
        return _query_value_reader(name)
    if delimiter is None:
        if kind == "list":
            return lambda request: request.query.getlist(name) or None

        def read_members(request: Request) -> Tree | None:
            pairs = request.query.pairs()
            return _grouped((key, value) for key, value in pairs if is_member(key)) or None

        return read_members

    def read(request: Request) -> Strings | None:
        found = False
        parts: list[str] = []
        for value, decode in _values_of(request, name):
            found = True
            parts += _split(value, delimiter, decode)
        if not found:
            return None
        return parts if kind == "list" else _tree(parts, explode=False)

    return read


def _values_of(request: Request, name: str) -> Iterable[tuple[str, _Decode]]:
    """Return the values of a query parameter, each with its decoder."""
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
                path = _BRACKETS.findall(key[len(name) :])
                if "".join(f"[{each}]" for each in path) != key[len(name) :]:
                    raise ValueError(f"expected {name}[…]=…")
                _add_value(tree, path, value)
        return tree or None

    return read


def _add_value(tree: dict[str, Any], path: Sequence[str], value: str) -> None:
    """Add a value to a tree at a path of names; ``name[]`` is one of several values of ``name``."""
    if len(path) > _MAX_DEPTH:
        raise ValueError("is nested too deeply")
    if len(path) > 1 and path[-1] == "":
        path = path[:-1]
    for name in path[:-1]:
        tree = _member(dict, tree, name)
    _member(list, tree, path[-1]).append(value)


def _member(kind: type[Any], tree: dict[str, Any], name: str) -> Any:
    """Return the member of a tree, which is made if necessary."""
    member = tree.setdefault(name, kind())
    if type(member) is not kind:
        raise ValueError(f"has both a value and members for {name!r}")
    return member


# -- pieces ------------------------------------------------------------------------------------


def _split_members(text: str, delimiter: str, decode: _Decode) -> list[str]:
    """Split ``R=1,G=2``, unless it is one member whose value contains encoded delimiters."""
    parts = _split(text, delimiter, decode)
    is_one = delimiter not in text and not all("=" in part for part in parts)
    return [decode(text)] if is_one else parts


def _split(text: str, delimiter: str, decode: _Decode) -> list[str]:
    """Split an encoded string at the delimiter, or at encoded delimiters if it has no plain one."""
    if not text:
        return []
    if delimiter in text:
        return [decode(part) for part in text.split(delimiter)]
    return decode(text).split(delimiter)


def _tree(parts: Sequence[str], *, explode: bool) -> Tree:
    """Make an object of ``R=1`` or of alternating names and values."""
    if explode:
        pairs = [part.partition("=") for part in parts]
        if not all(separator for _, separator, _ in pairs):
            raise ValueError("expected name=value for each member")
        return _grouped((name, value) for name, _, value in pairs)
    if len(parts) % 2:
        raise ValueError("expected alternating names and values")
    return _grouped(zip(parts[::2], parts[1::2], strict=True))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    tree: dict[str, list[str]] = {}
    for name, value in pairs:
        tree.setdefault(name, []).append(value)
    return tree
