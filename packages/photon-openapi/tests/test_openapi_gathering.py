"""What types have by the types inside them is found with one visit of each type."""

from __future__ import annotations

from collections import Counter

from photon_openapi.schema import gathered


def find(graph: dict[str, list[str]], root: str, known: dict[object, frozenset[str]]) -> str:
    def own(name: str) -> frozenset[str]:
        return frozenset(name) if name.isupper() else frozenset()

    return "".join(sorted(gathered(root, lambda name: graph[name], own, known)))


def test_cycles_have_one_result() -> None:
    graph = {"a": ["b"], "b": ["c", "X"], "c": ["a", "d"], "d": ["Y"], "X": [], "Y": []}
    known: dict[object, frozenset[str]] = {}
    assert find(graph, "a", known) == "XY"
    results = {name: "".join(sorted(each)) for name, each in known.items()}
    assert results == {"a": "XY", "b": "XY", "c": "XY", "d": "Y", "X": "X", "Y": "Y"}


def test_each_type_is_visited_once() -> None:
    visits: Counter[int] = Counter()

    def inner(number: int) -> range:
        visits[number] += 1
        return range(number + 1, 100)

    known: dict[object, frozenset[int]] = {}
    for root in range(100):
        result = gathered(root, inner, lambda number: frozenset([number]), known)
        assert result == frozenset(range(root, 100))
    assert set(visits.values()) == {1}


def test_long_chains_need_no_recursion() -> None:
    result = gathered(0, lambda number: range(number + 1, min(number + 2, 5000)), _nothing, {})
    assert result == frozenset()


def test_types_that_cannot_be_hashed_are_computed_each_time() -> None:
    result = gathered(
        ["a"],
        lambda each: each if isinstance(each, list) else [],
        lambda each: frozenset([str(each)]),
        {},
    )
    assert result == {"['a']", "a"}


def _nothing(number: int) -> frozenset[int]:
    return frozenset()
