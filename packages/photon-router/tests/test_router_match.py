import sys
import time
from collections.abc import Callable, Iterator

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photon_openapi.document._template import parameters_of, shape_of, split_segment
from photon_router.dispatch._match import PathTree
from photon_router.errors import HttpError

# An oracle that knows nothing of trees: try every template, keep the most specific


@attrs.frozen
class Template:
    """A template in segments; parameters are ``{}``, and a catch-all is the last of them."""

    segments: tuple[str, ...]
    is_catch_all: bool = False

    @property
    def text(self) -> str:
        pieces = "/".join(("", *self.segments)).split("{}")
        names = [f"{{p{index}}}" for index in range(len(pieces) - 1)]
        return "".join(piece + name for piece, name in zip(pieces, [*names, ""], strict=True))

    def match(self, path: tuple[str, ...]) -> list[str] | None:
        own = self.segments[:-1] if self.is_catch_all else self.segments
        if len(path) <= len(own) if self.is_catch_all else len(path) != len(own):
            return None
        values: list[str] = []
        for segment, text in zip(own, path, strict=False):
            taken = cut(segment.split("{}"), text)
            if taken is None:
                return None
            values += taken
        return [*values, "/".join(path[len(own) :])] if self.is_catch_all else values

    def rank(self) -> list[tuple[int, int]]:
        ranks = [rank(segment) for segment in self.segments]
        return [*ranks[:-1], (3, 0)] if self.is_catch_all else ranks


def rank(segment: str) -> tuple[int, int]:
    if "{}" not in segment:
        return 0, 0
    return (2, 0) if segment == "{}" else (1, -len(segment.replace("{}", "")))


def cut(literals: list[str], text: str) -> list[str] | None:
    """The values between the literal parts, none empty, each as short as can be."""
    if not text.startswith(literals[0]):
        return None
    text, rest = text[len(literals[0]) :], literals[1:]
    if not rest:
        return None if text else []
    for size in range(1, len(text) + 1):
        tail = cut(rest, text[size:])
        if tail is not None:
            return [text[:size], *tail]
    return None


# Of the segments with literal parts, no two have equally much literal text.
SEGMENTS = ["a", "b", "", "{}", "{}", "v{}", "{}xy", "v{}xy", "{}abcd{}", "a b", "+"]
WIRE = {"a b": "a%20b", "a/b": "a%2Fb"}
TEXTS = ["a", "b", "", "v1", "vxy", "vaxy", "vabcdxy", "xabcd1", "xy", "a b", "a/b", "+", "q"]

templates = st.builds(
    Template,
    st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(tuple),
) | st.builds(
    lambda segments: Template((*segments, "{}"), is_catch_all=True),
    st.lists(st.sampled_from(SEGMENTS), max_size=3),
)
paths = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5).map(tuple)


def tree_of(declared: list[Template]) -> PathTree[Template]:
    tree: PathTree[Template] = PathTree()
    for each in declared:
        tree.add(each.text, "GET", each, is_catch_all=each.is_catch_all)
    return tree


@pytest.mark.slow
@settings(max_examples=400)
@given(
    st.lists(templates, unique=True, max_size=12).flatmap(
        lambda some: st.tuples(st.permutations(some), st.permutations(some))
    ),
    st.lists(paths, min_size=1, max_size=8),
)
def test_the_most_specific_template_wins_in_whatever_order_they_were_declared(
    orders: tuple[list[Template], list[Template]], asked: list[tuple[str, ...]]
) -> None:
    one, other = (tree_of(order) for order in orders)
    for path in asked:
        wire = "".join(f"/{WIRE.get(segment, segment)}" for segment in path)
        fitting = [each for each in orders[0] if each.match(path) is not None]
        found = one.find(wire)
        assert other.find(wire) == found
        if found is None:
            assert not fitting, wire
            continue
        targets, values = found
        winner = targets["GET"]
        assert winner.rank() == min(each.rank() for each in fitting), wire
        assert values == winner.match(path), wire


# The same by hand


def tree(*templates: str) -> Callable[[str], tuple[str, list[str]] | None]:
    """Return a look-up in a tree of templates; ``{name*}`` at the end is a catch-all."""
    built: PathTree[str] = PathTree()
    for template in templates:
        built.add(template.replace("*", ""), "GET", template, is_catch_all=template.endswith("*}"))

    def find(path: str) -> tuple[str, list[str]] | None:
        found = built.find(path)
        return None if found is None else (found[0]["GET"], found[1])

    return find


def test_a_branch_that_leads_nowhere_is_given_up_for_the_next() -> None:
    find = tree("/users/me/keys", "/users/{id}/posts", "/{kind}/me/posts", "/{rest*}")
    assert find("/users/me/posts") == ("/users/{id}/posts", ["me"])
    assert find("/teams/me/posts") == ("/{kind}/me/posts", ["teams"])
    assert find("/users/me/likes") == ("/{rest*}", ["users/me/likes"])


def test_an_encoded_slash_stays_in_its_segment() -> None:
    find = tree("/files/{name}", "/files/{folder}/{name}")
    assert find("/files/a%2Fb") == ("/files/{name}", ["a/b"])
    assert find("/files/a%2fb/c") == ("/files/{folder}/{name}", ["a/b", "c"])


def test_a_plus_in_a_path_is_no_space() -> None:
    assert tree("/q/{text}")("/q/1+1%20=%2B2") == ("/q/{text}", ["1+1 =+2"])


def test_a_literal_segment_is_found_however_it_is_encoded() -> None:
    find = tree("/caf\u00e9/menu", "/{any}/menu")
    assert find("/caf%C3%A9/menu") == ("/caf\u00e9/menu", [])
    assert find("/caf%c3%a9/%6denu") == ("/caf\u00e9/menu", [])


@pytest.mark.parametrize("broken", ["%", "%4", "%zz", "a%2", "%+1", "% 1", "%ff", "%c3%28"])
@pytest.mark.parametrize("place", ["/items/{}", "/{}/1", "/nowhere/at/all/{}"])
def test_a_broken_percent_encoding_is_a_bad_request(broken: str, place: str) -> None:
    find = tree("/items/{id}", "/{kind}/{id}")
    with pytest.raises(HttpError) as caught:
        find(place.format(broken))
    assert caught.value.status == 400


def test_a_parameter_takes_no_empty_segment() -> None:
    find = tree("/items/{id}", "/items/v{id}", "/{a}/{b}/{c}")
    assert find("/items/") is None
    assert find("/items//") is None
    assert find("/items/v") == ("/items/{id}", ["v"])
    assert find("//items/1") is None


def test_a_slash_at_the_end_makes_another_path() -> None:
    find = tree("/items", "/items/", "/")
    assert find("/items") == ("/items", [])
    assert find("/items/") == ("/items/", [])
    assert find("/") == ("/", [])
    assert find("") is None
    assert find("*") is None


def test_parts_of_a_segment_are_parameters() -> None:
    find = tree("/v{major}.{minor}", "/{name}.json", "/{name}")
    assert find("/v1.2") == ("/v{major}.{minor}", ["1", "2"])
    assert find("/v1.2.3") == ("/v{major}.{minor}", ["1", "2.3"])
    assert find("/list.json") == ("/{name}.json", ["list"])
    assert find("/v1") == ("/{name}", ["v1"])
    assert find("/.json") == ("/{name}", [".json"])


def test_literal_text_of_a_segment_is_no_regular_expression() -> None:
    find = tree("/a.c{x}", "/(.+?){x}", "/[ab]{x}")
    assert find("/abc1") is None
    assert find("/a.c1") == ("/a.c{x}", ["1"])
    assert find("/(.+?)1") == ("/(.+?){x}", ["1"])
    assert find("/a1") is None


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_segments_the_one_with_more_literal_text_is_preferred(order: int) -> None:
    find = tree(*["/{a}.{b}", "/ab{c}", "/{d}-{e}-{f}", "/abc{g}"][::order])
    assert find("/abx.y") == ("/ab{c}", ["x.y"])
    assert find("/abcx-y-z") == ("/abc{g}", ["x-y-z"])


def test_a_segment_with_many_parts_is_refused_as_fast_as_it_is_taken() -> None:
    find = tree("/{year}-{month}-{day}.json")
    before = time.perf_counter()
    assert find("/" + "-" * 1000) is None
    assert time.perf_counter() - before < 0.25


def test_a_parameter_takes_line_ends() -> None:
    find = tree("/{name}", "/v{major}.{minor}")
    assert find("/a%0Ab%0a") == ("/{name}", ["a\nb\n"])
    assert find("/v1%0A.2%0A") == ("/v{major}.{minor}", ["1\n", "2\n"])


def test_a_catch_all_takes_the_rest_be_it_empty() -> None:
    find = tree("/files/{path*}", "/files/readme")
    assert find("/files/a/b//c") == ("/files/{path*}", ["a/b//c"])
    assert find("/files/") == ("/files/{path*}", [""])
    assert find("/files/readme") == ("/files/readme", [])
    assert find("/files/readme/x") == ("/files/{path*}", ["readme/x"])
    assert find("/files") is None


def test_a_path_of_thousands_of_segments_is_no_problem() -> None:
    find = tree("/{rest*}", "/a/{b}/c")
    assert find("/a" * 4000) == ("/{rest*}", ["a/" * 3999 + "a"])
    assert tree("/a/{b}/c")("/a" * 4000) is None


def test_methods_of_one_template_come_together() -> None:
    built: PathTree[int] = PathTree()
    for template in ("/items/{id}", "/items"):
        built.add(template, "GET", 1)
        built.add(template, "PUT", 2)
    assert built.find("/items/7") == ({"GET": 1, "PUT": 2}, ["7"])
    assert built.find("/items") == ({"GET": 1, "PUT": 2}, [])


@pytest.mark.parametrize(
    ("first", "second"),
    [("/a", "/a"), ("/a/{x}", "/a/{y}"), ("/v{x}.{y}", "/v{a}.{b}"), ("/{x*}", "/{y*}")],
)
def test_equal_templates_are_refused(first: str, second: str) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        tree(first, second)


def test_names_and_shape_are_read_from_a_template() -> None:
    assert parameters_of("/a/{x}/v{y}.{z}") == ["x", "y", "z"]
    assert parameters_of("/a") == []
    assert shape_of("/a/{x}/v{y}.{z}") == shape_of("/a/{k}/v{l}.{m}") != shape_of("/a/{x}/{y}")


def numbered() -> Iterator[str]:
    yield from (f"/static/{number}" for number in range(1000))
    yield from (f"/group{number}/{{id}}/parts/{{part}}" for number in range(1000))


def test_among_thousands_of_templates_each_is_found() -> None:
    find = tree(*numbered())
    assert find("/static/731") == ("/static/731", [])
    assert find("/group731/a/parts/b") == ("/group731/{id}/parts/{part}", ["a", "b"])
    assert find("/group1000/a/parts/b") is None


def test_a_thousand_routes_take_no_more_steps_than_ten() -> None:
    def tree_of(count: int) -> PathTree[str]:
        tree: PathTree[str] = PathTree()
        for number in range(count):
            tree.add(f"/things{number}/{{id}}/parts/{{part}}", "GET", "")
            tree.add(f"/things{number}/all", "GET", "")
        return tree

    few, many = tree_of(10), tree_of(1000)
    for path in ("/things7/42/parts/9", "/things7/all", "/things7/nothing/here"):
        assert calls_of(many, path) == calls_of(few, path) > 0


def calls_of(tree: PathTree[str], path: str) -> int:
    """Count the calls, of Python and of C, that a look-up makes."""
    calls: list[str] = []

    def note(frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            calls.append(event)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        tree.find(path)
    finally:
        sys.setprofile(before)
    return len(calls)


def test_one_segment_is_split_by_its_template() -> None:
    assert split_segment("v-{a}.{b}", "v-1.2.3") == ("1", "2.3")
    assert split_segment("{a}", "x%2Fy") == ("x%2Fy",)
    assert split_segment("v-{a}", "w-1") is None
