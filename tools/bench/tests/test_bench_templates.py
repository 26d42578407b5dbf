"""The benchmark of templates runs, and both sides render the same page."""

from pathlib import Path

from bench.templates import render_costs, start_costs


def test_both_sides_render_the_same_page(tmp_path: Path) -> None:
    costs = render_costs(tmp_path, rounds=1, renders=2)

    assert list(costs) == ["Jinja2, µs", "render_template, µs", "ratio"]
    assert all(cost > 0 for cost in costs.values())


def test_a_start_is_measured_without_and_with_compiled_templates(tmp_path: Path) -> None:
    costs = start_costs(tmp_path, templates=20)

    assert list(costs) == ["first start, 20 templates, s", "next start, 20 templates, s"]
    assert list((tmp_path / ".photon" / "cache").glob("*.cache"))
