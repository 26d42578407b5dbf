"""All templates are compiled and checked at start, from the cache where nothing has changed."""

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from photon_runtime.testing import in_hub
from photon_templates import EnvironmentOptions, TemplateErrors, Templates
from photon_templates._compiled import CompiledCache
from photon_templates._folders import Source, read_source
from photon_templates._globals import Check
from photon_templates._preload import preload


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    return tmp_path / "templates"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def loaded(
    folder: Path,
    *,
    options: EnvironmentOptions | None = None,
    checks: dict[str, Check] | None = None,
    cache: Path | None = None,
) -> Templates:
    chosen = EnvironmentOptions() if options is None else options
    compiled = CompiledCache(cache, chosen.variant())
    templates = Templates(folder, options=chosen, cache=compiled)
    in_hub(preload)(templates, checks or {}, folder)
    return templates


def errors_of(folder: Path, files: dict[str, str], **arguments: Check) -> list[str]:
    write(folder, files)
    with pytest.raises(TemplateErrors) as caught:
        loaded(folder, checks=arguments)
    return list(caught.value.errors)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n{% if %}", "2: Expected an expression, got 'end of statement block'"),
        ("{{ x", "1: unexpected end of template, expected 'end of print statement'."),
        ("\n\n{% for x in y %}", "3: Unexpected end of template."),
        ("{% nonsense %}", "1: Encountered unknown tag 'nonsense'."),
        ("{% block a %}{% endblock %}\n{% block a %}{% endblock %}", "2: block 'a' defined twice"),
        ("\n{% include 'gone.html' %}", "2: include: the template 'gone.html' does not exist"),
        ("{% extends 'gone.html' %}", "1: extends: the template 'gone.html' does not exist"),
        ("{% import 'gone.html' as x %}", "1: import: the template 'gone.html' does not exist"),
        ("{% from 'gone.html' import x %}", "1: from: the template 'gone.html' does not exist"),
        (
            "{% include ['a', 'b'] %}",
            "1: include: none of the templates 'a', 'b' exists",
        ),
        ("{% include '../x.html' %}", "1: include: the template '../x.html' does not exist"),
        ("{% include 'ok.html#no' %}", "1: include: the template 'ok.html#no' does not exist"),
        ("{{ 1|gone }}", "1: the filter 'gone' does not exist"),
        ("\n{{ 1 is gone }}", "2: the test 'gone' does not exist"),
        ("{% if x %}\n{{ 1|gone }}{% endif %}", "2: the filter 'gone' does not exist"),
        ("{% macro m() %}\n{% filter gone %}{% endfilter %}{% endmacro %}", "2: the filter 'gone'"),
        ("{{ checked('bad') }}", "1: 'bad' is bad"),
        ("{% if x %}{{ y ~\n checked('bad', a=1) }}{% endif %}", "2: 'bad' is bad"),
        ("{% include 'note.txt' %}", "1: include: page.html cannot use note.txt"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "1: cannot be compiled: RecursionError"),
    ],
)
def test_an_error_names_file_and_line(folder: Path, text: str, expected: str) -> None:
    files = {"page.html": text, "ok.html": "{% block yes %}{% endblock %}", "note.txt": ""}

    (error,) = errors_of(
        folder, files, checked=lambda call: f"{call.argument!r} is {call.argument}"
    )

    assert error.startswith(f"page.html:{expected}")


@pytest.mark.parametrize(
    "text",
    [
        "{% include 'gone.html' ignore missing %}",
        "{% include ['gone.html', 'ok.html'] %}",
        "{% include name %}",
        "{% include 'ok.html#yes' %}{% include 'child.html#yes' %}",
        "{% if 'gone' is filter %}{{ 1|gone }}{% endif %}",
        "{{ checked(name) }}{{ x.checked('bad') }}",
        "{% macro checked(x) %}{% endmacro %}{{ checked('bad') }}",
        "{% set checked = x %}{{ checked('bad') }}",
        "{# {{ checked('bad') }} #}{% raw %}{{ checked('bad') }}{% endraw %}",
    ],
)
def test_what_is_not_known_or_right_is_not_an_error(folder: Path, text: str) -> None:
    yes = "{% block yes %}{% endblock %}"
    write(folder, {"page.html": text, "ok.html": yes, "child.html": "{% extends 'ok.html' %}"})

    loaded(folder, checks={"checked": lambda call: "is bad"})


def test_all_errors_of_all_files_are_listed_at_once(folder: Path) -> None:
    files = {f"{number:03}.html": "{% if %}" if number % 2 else "fine" for number in range(100)}
    files["000.html"] = "{{ 1|gone }}\n{{ 2|missing }}\n{{ checked('x') }}"
    (folder / "latin.html").write_bytes("\nGrüße".encode("latin-1"))

    errors = errors_of(folder, files, checked=lambda call: "is bad")

    assert len(errors) == 50 + 3 + 1
    assert errors[:3] == [
        "000.html:1: the filter 'gone' does not exist",
        "000.html:2: the filter 'missing' does not exist",
        "000.html:3: is bad",
    ]
    assert errors[-1] == "latin.html:2: is not UTF-8"


def test_a_broken_file_is_not_missing_for_others(folder: Path) -> None:
    files = {"page.html": "{% include 'broken.html' %}", "broken.html": "{% if %}"}

    assert [error.partition(":")[0] for error in errors_of(folder, files)] == ["broken.html"]


def test_templates_that_extend_each_other_are_refused(folder: Path) -> None:
    files = {
        "own.html": "{% extends 'own.html' %}",
        "a.html": "{% extends 'b.html' %}",
        "b.html": "\n{% extends 'a.html' %}",
        "above.html": "{% extends 'a.html' %}",
        "tree.html": "{% if x %}{% include 'tree.html' %}{% endif %}",
    }

    assert errors_of(folder, files) == [
        "a.html:1: extends: a.html extends itself, by way of its parents",
        "b.html:2: extends: b.html extends itself, by way of its parents",
        "own.html:1: extends: own.html extends itself, by way of its parents",
    ]


def test_a_mail_needs_a_text(folder: Path) -> None:
    (error,) = errors_of(folder, {"mail/hi.subject.txt": "Hi", "mail/hi.html": "Hi"})

    assert error == "mail/hi.subject.txt:1: the mail has no text: write one beside its subject"


def test_a_start_after_the_mend_succeeds(folder: Path) -> None:
    errors_of(folder, {"page.html": "{% if %}"})
    write(folder, {"page.html": "fine"})

    assert loaded(folder).render("page.html") == "fine"


# -- the cache ------------------------------------------------------------------------------------

PAGE = "{% macro m(x) %}[{{ x }}]{% endmacro %}{% block b %}{{ m(value) }}{% endblock %}"


@pytest.fixture
def cache(folder: Path) -> Path:
    write(folder, {"page.html": PAGE})
    loaded(folder, cache=folder.parent / "cache")
    return folder.parent / "cache"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that are compiled from now on."""
    from photon_templates._environment import TemplateEnvironment

    names: list[str] = []
    original = TemplateEnvironment.compile

    def compile_(self: TemplateEnvironment, source: object, name: str, *others: object) -> object:
        names.append(name)
        return original(self, source, name, *others)  # type: ignore[call-overload]

    monkeypatch.setattr(TemplateEnvironment, "compile", compile_)
    return names


def test_a_second_start_compiles_nothing_and_is_the_same(
    folder: Path, cache: Path, compilations: list[str]
) -> None:
    templates = loaded(folder, cache=cache)

    assert compilations == []
    assert templates.render("page.html", value="<") == "[&lt;]"
    assert (cache / ".gitignore").read_text().endswith("*\n")


@pytest.mark.parametrize("reload", [False, True])
def test_a_start_reads_each_file_once_and_later_changes_are_seen_in_development(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reload: bool
) -> None:
    write(folder, {"page.html": "{% include 'part.html' %}", "part.html": "old"})
    paths: list[str] = []

    def read(path: str) -> Source:
        paths.append(Path(path).name)
        return read_source(path)

    monkeypatch.setattr("photon_templates._preload.read_source", read)
    monkeypatch.setattr("photon_templates._loader.read_source", read)
    templates = loaded(folder, options=EnvironmentOptions(reload=reload))
    assert sorted(paths) == ["page.html", "part.html"]

    write(folder, {"part.html": "changed"})
    assert templates.render("page.html") == ("changed" if reload else "old")


def test_fragments_that_templates_include_are_compiled_at_start(
    folder: Path, cache: Path, compilations: list[str]
) -> None:
    write(folder, {"other.html": "{% include 'page.html#b' %}"})
    loaded(folder, cache=cache)
    assert sorted(compilations) == ["other.html", "page.html#b"]

    assert loaded(folder, cache=cache).render("other.html", value=1) == "[1]"
    assert len(compilations) == 2


def test_a_second_start_makes_the_checks_anew(folder: Path, cache: Path) -> None:
    write(folder, {"page.html": "{{ checked('x') }}"})
    loaded(folder, cache=cache)

    for _ in range(2):
        with pytest.raises(TemplateErrors, match="is bad"):
            loaded(folder, cache=cache, checks={"checked": lambda call: "is bad"})


def test_a_changed_file_is_compiled_and_a_removed_one_forgotten(
    folder: Path, cache: Path, compilations: list[str]
) -> None:
    write(folder, {"page.html": PAGE + "!", "other.html": "other"})
    assert loaded(folder, cache=cache).render("page.html", value=1) == "[1]!"
    assert compilations == ["other.html", "page.html"]

    (folder / "other.html").unlink()
    size = sum(path.stat().st_size for path in cache.iterdir())
    loaded(folder, cache=cache)
    assert sum(path.stat().st_size for path in cache.iterdir()) < size
    assert len(compilations) == 2


@pytest.mark.parametrize(
    "options",
    [
        EnvironmentOptions(sandbox=True),
        EnvironmentOptions(trim_blocks=True),
        EnvironmentOptions(text_suffixes=[".html"]),
        EnvironmentOptions(extensions=["jinja2.ext.do"]),
        EnvironmentOptions(filters={"escape": str}),
    ],
    ids=str,
)
def test_other_options_have_code_of_their_own(
    folder: Path, cache: Path, compilations: list[str], options: EnvironmentOptions
) -> None:
    loaded(folder, cache=cache, options=options)

    assert compilations == ["page.html"]


def test_files_of_old_variants_are_removed(folder: Path, cache: Path) -> None:
    (path,) = cache.glob("*.cache")
    os.utime(path, (0, 0))
    loaded(folder, cache=cache, options=EnvironmentOptions(trim_blocks=True))

    assert path not in cache.iterdir()
    assert len(list(cache.glob("*.cache"))) == 1


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


@pytest.mark.parametrize(
    "spoil",
    [
        _truncate,
        _flip,
        _link,
        lambda path: path.write_bytes(b""),
        lambda path: path.chmod(0o666),
        lambda path: path.chmod(0o664),
        lambda path: path.parent.chmod(0o777),
        lambda path: path.parent.chmod(0o1777),
        lambda path: os.chown(path, 12345, -1),
        lambda path: os.chown(path.parent, 12345, -1),
    ],
    ids=["truncated", "changed", "link", "empty", "666", "664", "777", "1777", "owner", "owner_up"],
)
def test_a_file_that_others_could_have_written_is_not_run(
    folder: Path, cache: Path, compilations: list[str], spoil: Callable[[Path], None]
) -> None:
    if os.geteuid() != 0 and spoil.__code__.co_names[:1] == ("os",):
        pytest.fail("run the tests as root, or in the environment of continuous integration")
    (path,) = cache.glob("*.cache")
    spoil(path)

    assert loaded(folder, cache=cache).render("page.html", value=1) == "[1]"
    assert compilations == ["page.html"]


def test_the_file_can_be_written_by_its_owner_alone(cache: Path) -> None:
    before = os.umask(0)
    try:
        for path in (cache, *cache.iterdir()):
            assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    finally:
        os.umask(before)


def test_a_folder_that_cannot_be_written_is_not_an_error(folder: Path, tmp_path: Path) -> None:
    write(folder, {"page.html": PAGE})
    (tmp_path / "file").write_text("")

    templates = loaded(folder, cache=tmp_path / "file" / "cache")

    assert templates.render("page.html", value=1) == "[1]"


def test_an_unsafe_folder_is_named_in_the_log(
    folder: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.chmod(0o777)

    with caplog.at_level(logging.WARNING, logger="photon.templates"):
        loaded(folder, cache=cache)

    assert str(cache) in caplog.text


def test_many_templates_start_from_the_cache_without_compiling(
    folder: Path, compilations: list[str]
) -> None:
    row = "".join(f"<td>{{{{ item.field{n}|upper }}}}</td>" for n in range(10))
    page = "{% extends 'base.html' %}{% block body %}" + "{% for item in items %}" + row
    page += "{% endfor %}{% include 'footer.html' %}{% endblock %}"
    files = {f"section{n % 20}/page{n}.html": page for n in range(500)}
    write(folder, {**files, "base.html": "{% block body %}{% endblock %}", "footer.html": "f"})
    cache = folder.parent / "cache"
    loaded(folder, cache=cache)
    compilations.clear()
    began = time.process_time()
    loaded(folder, cache=cache)
    print(f"500 templates from the cache: {time.process_time() - began:.3f} s of CPU")

    assert compilations == []
