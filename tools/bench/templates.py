"""What `render_template` costs, beside bare Jinja2.

``python tools/bench/templates.py`` prints the CPU time of a page with a table of 50 rows, a layout,
an include and a macro of another file, rendered by Jinja2 alone and by `render_template` in an
application, and what the start costs with 500 templates, without and with compiled templates in a
file. The renders are timed in turns, and the ratio is the median of the rounds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import jinja2

from photon import Photon
from photon_runtime import run
from photon_runtime.settings import load_settings
from photon_templates import TemplatesPart, render_template

PAGE: Mapping[str, str] = {
    "base.html": (
        "<!doctype html><html><head><title>{% block title %}{% endblock %}</title></head>"
        "<body>{% include 'navigation.html' %}{% block content %}{% endblock %}</body></html>"
    ),
    "navigation.html": "<nav><a href='/'>Home</a></nav>",
    "macros.html": "{% macro cell(text) %}<td>{{ text }}</td>{% endmacro %}",
    "page.html": (
        "{% extends 'base.html' %}{% from 'macros.html' import cell %}"
        "{% block title %}{{ title }}{% endblock %}"
        "{% block content %}<table>{% for row in rows %}"
        "<tr class=\"{{ loop.cycle('odd', 'even') }}\"><td>{{ row.id }}</td>{{ cell(row.name) }}"
        "<td>{{ row.text|upper }}</td><td>{% if row.is_open %}open{% else %}closed{% endif %}</td>"
        "</tr>{% endfor %}</table>{% endblock %}"
    ),
}
ROWS = [
    {"id": number, "name": f"<name {number}>", "text": f"text {number}", "is_open": number % 2 == 0}
    for number in range(50)
]


def main(*, rounds: int, renders: int, templates: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        for name, cost in render_costs(Path(folder), rounds=rounds, renders=renders).items():
            print(f"{name:<40}{cost:>10.2f}")
    with tempfile.TemporaryDirectory() as folder:
        for name, cost in start_costs(Path(folder), templates=templates).items():
            print(f"{name:<40}{cost:>10.2f}")


def render_costs(folder: Path, *, rounds: int, renders: int) -> dict[str, float]:
    """Return the microseconds of a render, and the ratio of both."""
    app = application(folder, PAGE)
    values = {"title": "Rows", "rows": ROWS}
    bare = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder / "templates"), autoescape=True, auto_reload=False
    )

    def by_jinja2() -> object:
        return bare.get_template("page.html").render(values).encode()

    def by_photon() -> object:
        return render_template("page.html", values).body

    def measure() -> list[tuple[float, float]]:
        with app.start():
            if by_jinja2() != by_photon():
                raise AssertionError("the pages differ")
            return [(cpu(by_jinja2, renders), cpu(by_photon, renders)) for _ in range(rounds)]

    pairs = run(measure)
    return {
        "Jinja2, µs": median(pair[0] for pair in pairs) * 1e6,
        "render_template, µs": median(pair[1] for pair in pairs) * 1e6,
        "ratio": median(pair[1] / pair[0] for pair in pairs),
    }


def start_costs(folder: Path, *, templates: int) -> dict[str, float]:
    """Return the seconds of CPU time of a start with many templates, and of the next one."""
    pages = {f"section{n % 20}/page{n}.html": PAGE["page.html"] for n in range(templates)}
    app = application(folder, {**PAGE, **pages})

    def start() -> None:
        with app.start():
            pass

    return {
        f"first start, {templates} templates, s": cpu(lambda: run(start), 1),
        f"next start, {templates} templates, s": cpu(lambda: run(start), 1),
    }


def application(folder: Path, files: Mapping[str, str]) -> Photon:
    """Return an application in production with these templates."""
    for name, text in {
        "photon.toml": "",
        **{f"templates/{each}": files[each] for each in files},
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app = Photon()
    app.use_settings(load_settings(folder, environment="production"))
    app.add(TemplatesPart())
    return app


def cpu(call: Callable[[], object], number: int) -> float:
    """Return the seconds of CPU time of a call, all threads of the process together."""
    began = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - began) / number


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--renders", type=int, default=300)
    parser.add_argument("--templates", type=int, default=500)
    main(**vars(parser.parse_args()))
