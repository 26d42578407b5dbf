from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from photon_runtime.errors import PhotonError
from photon_templates import LocaleSettings, TranslationErrors, translate
from photon_templates._facts import ConstantCall
from photon_templates.translation import (
    Translations,
    choose_locale,
    load_catalogs,
    plural_category,
)

ENGLISH = """
title = "Blog"
braces = "{{x}} {name}"
hello = "Hello, {name}!"
hello_html = "Hello, <b>{name}</b>!"

[posts]
by = "by {author}"

[posts.count]
one = "one post"
other = "{count} posts"
"""


def translations(tmp_path: Path, *, strict: bool = True, **catalogs: str) -> Translations:
    for locale, text in catalogs.items():
        folder = tmp_path / "locales"
        folder.mkdir(exist_ok=True)
        (folder / f"{locale.replace('_', '-')}.toml").write_text(text)
    made = Translations(LocaleSettings(), is_strict=strict)
    made.load(tmp_path)
    return made


def errors_of(tmp_path: Path, **catalogs: str) -> list[str]:
    with pytest.raises(TranslationErrors) as caught:
        translations(tmp_path, strict=True, **catalogs)
    return list(caught.value.errors)


def test_keys_of_nested_tables_are_dotted(tmp_path: Path) -> None:
    t = translations(tmp_path, en=ENGLISH).translate
    assert t("title") == "Blog"
    assert t("posts.by", author="Ada") == "by Ada"
    assert [t("posts.count", count=count) for count in (1, 2, 0)] == [
        "one post", "2 posts", "0 posts",
    ]  # fmt: skip
    assert t("braces", name="{title} {{") == "{x} {title} {{"


def test_values_are_not_looked_into(tmp_path: Path) -> None:
    made = translations(tmp_path, en='a = "{x}"')
    assert made.translate("a", x=print) == str(print)
    assert errors_of(tmp_path, en='a = "{x.__class__}"') == [
        "locales/en.toml:1: a: {x.__class__} is not a placeholder: write {name}"
    ]


def test_texts_of_markup_escape_their_values_and_others_are_plain(tmp_path: Path) -> None:
    t = translations(tmp_path, en=ENGLISH).translate
    assert t("hello_html", name="<i>") == Markup("Hello, <b>&lt;i&gt;</b>!")
    assert isinstance(t("hello_html", name=Markup("<i>")), Markup)
    assert t("hello_html", name=Markup("<i>")) == "Hello, <b><i></b>!"
    plain = t("hello", name="<i>")
    assert (plain, isinstance(plain, Markup)) == ("Hello, <i>!", False)


def test_a_locale_inherits_texts_from_its_language_and_from_the_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = translations(
        tmp_path, en='a = "A"\nb = "B"\nc = "C"', de='a = "Ä"\nb = "Bé"', de_AT='a = "Ö"'
    )
    assert [made.translate(key, locale="de-AT") for key in "abc"] == ["Ö", "Bé", "C"]
    assert [made.translate(key, locale="fr") for key in "abc"] == ["A", "B", "C"]
    assert [each.getMessage() for each in caplog.records] == [
        "texts are missing in the locale de-AT: c",
        "texts are missing in the locale de: c",
    ]


def test_a_text_that_does_not_exist_is_an_error_or_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LookupError, match=r"no catalog has the text 'x\.y'"):
        translations(tmp_path, en="").translate("x.y")
    assert translations(tmp_path, strict=False, en="").translate("x.y") == "x.y"
    assert "no catalog has the text 'x.y'" in caplog.text


def test_a_plural_text_without_a_count_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="pass count="):
        translations(tmp_path, en=ENGLISH).translate("posts.count")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = \n", "1: this is not TOML: Invalid value (column 5)"),
        ('\n[a]\nb = 3\n', "3: a.b: expected a text, got int"),
        ('a = ["x"]', "1: a: expected a text, got list"),
        ('a = "{"', "1: a: a brace is written twice, or is part of a {name}"),
        ('a = "{0}"', "1: a: {0} is not a placeholder: write {name}"),
        ('"a.b" = "x"', "1: a.b: a key has no dot: write a table"),
        ('a = {other = "x"}', "1: a: the language also needs the plural form one"),
        ('a = {other = "x", one = 1}', "1: a.one: expected a text"),
    ],
)  # fmt: skip
def test_an_invalid_catalog_is_refused_with_file_and_line(
    tmp_path: Path, text: str, error: str
) -> None:
    assert errors_of(tmp_path, en=text) == [f"locales/en.toml:{error}"]


def test_all_errors_of_all_catalogs_are_listed(tmp_path: Path) -> None:
    errors = errors_of(tmp_path, en="a =", de="b = 1", x="", deutsch1234="")
    assert errors == [
        "locales/de.toml:1: b: expected a text, got int",
        "locales/deutsch1234.toml: the name of a catalog is a language tag, such as de-AT.toml",
        "locales/en.toml:1: this is not TOML: Invalid value",
        "locales/x.toml: the name of a catalog is a language tag, such as de-AT.toml",
    ]


def test_the_default_locale_has_a_catalog(tmp_path: Path) -> None:
    assert errors_of(tmp_path, de="") == [
        "locales/en.toml: the catalog of the default locale does not exist"
    ]


def test_placeholders_that_differ_are_refused(tmp_path: Path) -> None:
    german = 'hello = "Hallo, {nam}!"\n[posts.count]\none = "einer"\nother = "viele"'
    assert errors_of(tmp_path, en=ENGLISH, de=german) == [
        "locales/de.toml:1: hello: has the values {nam}, but in en {name}"
    ]


def test_the_calls_in_templates_are_checked(tmp_path: Path) -> None:
    made = translations(tmp_path, en=ENGLISH)

    def check(key: str, *keywords: str) -> str | None:
        return made.check(ConstantCall(1, "t", key, keywords))

    assert check("title") is None
    assert check("titel") == "t: no catalog has the text 'titel'"
    assert check("hello", "name", "other") is None
    assert check("hello") == "t: 'hello' needs name"
    assert check("posts.count") == "t: 'posts.count' needs count"
    assert made.check(ConstantCall(1, "t", "hello", None)) is None


def test_a_project_without_catalogs_has_no_texts(tmp_path: Path) -> None:
    made = translations(tmp_path)
    assert made.current_locale() == "en"
    assert made.check(ConstantCall(1, "t", "a", ())) == "t: no catalog has the text 'a'"


def test_texts_outside_of_an_application_are_refused() -> None:
    with pytest.raises(PhotonError, match="add TemplatesPart"):
        translate("a")


@pytest.mark.parametrize(
    ("accepted", "available", "expected"),
    [
        ("de", ["en", "de"], "de"),
        ("DE-ch", ["en", "de"], "de"),
        ("fr, de;q=0.5", ["en", "de"], "de"),
        ("en;q=0.1, de;q=0.9", ["en", "de"], "de"),
        ("de;q=0, *", ["de"], None),
        ("*", ["en", "de"], None),
        ("", ["en"], None),
        ("zh-Hant-TW", ["zh", "zh-Hant"], "zh-Hant"),
        ("zh-a-x", ["zh"], "zh"),
        ("en", ["fr", "en-GB", "en-US"], "en-GB"),
        ("en-US, de", ["en-GB", "de"], "de"),
        ("english language, de;q=2, fr;q=0.5", ["de", "fr"], "fr"),
        (", ".join(["xx"] * 60 + ["de"]), ["de"], None),
    ],
)
def test_the_locale_is_looked_up_by_the_preferences_of_the_client(
    accepted: str, available: list[str], expected: str | None
) -> None:
    assert choose_locale(accepted, available) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_harmless_preference(accepted: str) -> None:
    assert choose_locale(accepted, ["en", "de-AT"]) in ("en", "de-AT", None)


@pytest.mark.parametrize(
    ("locale", "categories"),
    [
        ("en", {"one": (1,), "other": (0, 2, 11, 1.5, 21)}),
        ("de-AT", {"one": (1,), "other": (0, 2)}),
        ("fr", {"one": (0, 1, 1.5), "other": (2, 17)}),
        ("ja", {"other": (0, 1, 2)}),
        ("ru", {"one": (1, 21, 101), "few": (2, 24, 103), "many": (0, 5, 11, 12, 14, 111)}),
        ("hr", {"one": (1, 21), "few": (2, 34), "other": (0, 5, 11, 12)}),
        ("pl", {"one": (1,), "few": (2, 4, 22), "many": (0, 5, 12, 21, 101)}),
        ("cs", {"one": (1,), "few": (2, 4), "other": (0, 5, 21), "many": (1.5,)}),
        ("sl", {"one": (1, 101), "two": (2, 102), "few": (3, 4, 103), "other": (0, 5, 11)}),
        ("lt", {"one": (1, 21), "few": (2, 29), "other": (0, 10, 11, 20)}),
        ("lv", {"zero": (0, 10, 11, 30), "one": (1, 21), "other": (2, 22)}),
        ("ro", {"one": (1,), "few": (0, 2, 19, 101), "other": (20, 100)}),
        ("ar", {
            "zero": (0,), "one": (1,), "two": (2,), "few": (3, 103), "many": (11, 99),
            "other": (100, 102),
        }),
        ("he", {"one": (1,), "two": (2,), "other": (0, 3, 20)}),
        ("ga", {"one": (1,), "two": (2,), "few": (3, 6), "many": (7, 10), "other": (0, 11)}),
        ("cy", {"zero": (0,), "one": (1,), "two": (2,), "few": (3,), "many": (6,), "other": (4,)}),
    ],
)  # fmt: skip
def test_a_number_has_the_category_of_its_language(
    locale: str, categories: dict[str, tuple[float, ...]]
) -> None:
    for category, numbers in categories.items():
        assert {plural_category(locale, number) for number in numbers} == {category}


def test_what_is_not_a_number_is_other() -> None:
    assert {plural_category("en", each) for each in ("x", None, float("nan"), float("inf"))} == {
        "other"
    }


def test_load_catalogs_returns_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('a = "A"')
    (tmp_path / "de.toml").write_text('b = "B"')
    _, errors, missing = load_catalogs(tmp_path, "texts", "en")
    assert (errors, missing) == ([], ["de: a", "en: b"])
