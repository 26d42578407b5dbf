from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime._toml import _lines, read_toml
from photon_runtime.errors import SettingsError
from photon_runtime.settings import Settings, load_settings, section


@attrs.frozen
class Limits:
    body: int = 1000
    names: tuple[str, ...] = ()


@attrs.frozen
class Server:
    host: str = "127.0.0.1"
    port: int = attrs.field(default=8000, validator=attrs.validators.ge(0))
    timeout: float = 5.0
    debug: bool = False
    folder: Path = Path()
    limits: Limits = attrs.Factory(Limits)
    tls: Limits | None = None
    peers: list[Limits] = attrs.Factory(list)
    named: dict[str, Limits] = attrs.Factory(dict)
    tags: list[int] = attrs.Factory(list)


@attrs.frozen
class Database:
    url: str
    password: str = attrs.field(default="", repr=False, validator=attrs.validators.max_len(3))


@attrs.frozen
class Shop:
    DATABASE_URL: str
    most_items: int = attrs.field(default=1, alias="mostItems", validator=attrs.validators.ge(1))


def load(
    root: Path, text: str = "", *, environment: str = "test", environ: dict[str, str] | None = None
) -> Settings:
    (root / "photon.toml").write_text(text, encoding="utf-8")
    return load_settings(root, environment=environment, environ=environ or {})


def complaint(root: Path, text: str, **environ: str) -> str:
    settings = load(root, text, environ=environ)
    with pytest.raises(SettingsError) as caught:
        settings.section("server", Server)
    return str(caught.value)


def write_environment(root: Path, name: str, text: str) -> None:
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / f"{name}.toml").write_text(text, encoding="utf-8")


def test_without_any_file_a_section_has_its_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environment="test", environ={})
    assert settings.section("server", Server) == Server()


def test_later_layers_win_key_by_key(tmp_path: Path) -> None:
    write_environment(tmp_path, "test", '[server]\nport = 2\n[server.limits]\nnames = ["b"]\n')
    text = '[server]\nhost = "a"\nport = 1\ntimeout = 1\n[server.limits]\nbody = 7\nnames = ["a"]\n'
    environ = {"PHOTON__SERVER__TIMEOUT": "2.5"}
    settings = load(tmp_path, text, environ=environ)
    assert settings.section("server", Server) == Server(
        host="a", port=2, timeout=2.5, limits=Limits(body=7, names=("b",))
    )


def test_another_environments_file_is_not_read(tmp_path: Path) -> None:
    write_environment(tmp_path, "production", "[server]\nport = 2\n")
    assert load(tmp_path).section("server", Server).port == 8000
    assert load(tmp_path, environment="production").section("server", Server).port == 2


def test_an_environment_variable_reaches_into_nested_tables(tmp_path: Path) -> None:
    environ = {"PHOTON__SERVER__LIMITS__BODY": "12", "PHOTON__SERVER__DEBUG": "true"}
    assert load(tmp_path, environ=environ).section("server", Server) == Server(
        debug=True, limits=Limits(body=12)
    )


def test_an_environment_variable_finds_a_key_in_another_spelling(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "[app]\ngreetingText = 'a'\n", environ={"PHOTON__APP__GREETINGTEXT": "b"}
    )
    assert settings.section("app", dict) == {"greetingText": "b"}


def test_an_environment_variable_finds_a_key_with_capitals_that_no_file_has(tmp_path: Path) -> None:
    environ = {"PHOTON__APP__DATABASE_URL": "db", "PHOTON__APP__MOSTITEMS": "3"}
    shop = load(tmp_path, environ=environ).section("app", Shop)
    assert shop == Shop(DATABASE_URL="db", mostItems=3)


def test_a_value_of_a_key_with_capitals_is_refused_at_its_variable(tmp_path: Path) -> None:
    environ = {"PHOTON__APP__DATABASE_URL": "db", "PHOTON__APP__MOSTITEMS": "0"}
    with pytest.raises(SettingsError, match=r"^PHOTON__APP__MOSTITEMS: `app\.mostItems`: "):
        load(tmp_path, environ=environ).section("app", Shop)


def test_a_key_in_a_file_has_the_capitals_of_the_class(tmp_path: Path) -> None:
    settings = load(tmp_path, "[app]\nDATABASE_URL = 'db'\nmostitems = 3\n")
    with pytest.raises(SettingsError, match="no key `mostitems`; did you mean `mostItems`"):
        settings.section("app", Shop)


def test_an_environment_variable_holds_a_list_as_toml(tmp_path: Path) -> None:
    environ = {"PHOTON__SERVER__TAGS": "[1, 2]", "PHOTON__SERVER__HOST": "[::1]"}
    server = load(tmp_path, environ=environ).section("server", Server)
    assert (server.tags, server.host) == ([1, 2], "[::1]")


def test_references_are_expanded_and_read_as_the_wanted_type(tmp_path: Path) -> None:
    text = '[server]\nhost = "x${A}y${B:-z}$${C}"\nport = "${PORT}"\ntags = ["${PORT}", 1]\n'
    server = load(tmp_path, text, environ={"A": "1", "B": "", "PORT": "80"}).section(
        "server", Server
    )
    assert server == Server(host="x1yz${C}", port=80, tags=[80, 1])


def test_a_default_in_a_reference_yields_to_the_variable(tmp_path: Path) -> None:
    text = '[server]\nport = "${PORT:-80}"\n'
    assert load(tmp_path, text).section("server", Server).port == 80
    assert load(tmp_path, text, environ={"PORT": "81"}).section("server", Server).port == 81


def test_a_variable_without_value_or_default_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"^photon\.toml:3: `server\.tags\.1`: .* GONE is not set"
    ):
        load(tmp_path, '[server]\nport = 1\ntags = [\n  "1",\n  "${GONE}",\n]\n')


def test_a_reference_in_an_overruled_value_is_not_looked_up(tmp_path: Path) -> None:
    write_environment(tmp_path, "test", '[server]\nhost = "fixed"\n')
    text = '[server]\nhost = "${GONE}"\nport = "${GONE}"\n'
    settings = load(tmp_path, text, environ={"PHOTON__SERVER__PORT": "1"})
    assert settings.section("server", Server) == Server(host="fixed", port=1)


@pytest.mark.parametrize("text", ["${A", "${A-B}", "${}", "${1}"])
def test_a_malformed_reference_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"photon\.toml:2: `server\.host`: .*write \$\$\{"):
        load(tmp_path, f'[server]\nhost = "{text}"\n', environ={"A": "a"})


def test_variables_of_the_environment_are_not_expanded(tmp_path: Path) -> None:
    environ = {"PHOTON__SERVER__HOST": "${A}"}
    assert load(tmp_path, environ=environ).section("server", Server).host == "${A}"


def test_a_file_value_must_have_its_type_as_it_is(tmp_path: Path) -> None:
    message = complaint(tmp_path, '[server]\nport = "8000"\n')
    assert message == "photon.toml:2: `server.port`: expected `int`, got `str`"


def test_a_text_that_cannot_be_read_as_its_type_names_the_variable(tmp_path: Path) -> None:
    message = complaint(tmp_path, "", PHOTON__SERVER__PORT="s3cret")
    assert message.startswith("PHOTON__SERVER__PORT: `server.port`: expected `int`")
    assert "s3cret" not in message


def test_an_unknown_key_names_the_nearest_one(tmp_path: Path) -> None:
    message = complaint(tmp_path, "[server]\n\n# the port\nprot = 1\n")
    assert message == "photon.toml:4: [server] has no key `prot`; did you mean `port`?"


def test_an_unknown_key_that_resembles_none_lists_all(tmp_path: Path) -> None:
    message = complaint(tmp_path, "[server.limits]\nzzz = 1\n")
    assert message == "photon.toml:2: [server.limits] has no key `zzz`; the keys are: body, names"


def test_all_problems_are_listed_at_once_each_with_its_source(tmp_path: Path) -> None:
    write_environment(tmp_path, "test", "[server]\ntimeout = 'x'\nhots = 1\n")
    message = complaint(
        tmp_path,
        "[server]\n\n[server.limits]\nbody = 'x'\n[[server.peers]]\n[[server.peers]]\nbdy = 1\n",
        PHOTON__SERVER__DEBUG="perhaps",
    )
    places = [line.split(": ")[0].strip(" :") for line in message.splitlines()]
    assert places == [
        "5 problems in the settings",
        "photon.toml:4",
        "photon.toml:7",
        "config/test.toml:2",
        "config/test.toml:3",
        "PHOTON__SERVER__DEBUG",
    ]


def test_validators_of_all_fields_run(tmp_path: Path) -> None:
    @attrs.frozen
    class Pair:
        low: int = attrs.field(validator=attrs.validators.ge(0))
        high: int = attrs.field(validator=attrs.validators.le(9))

    settings = load(tmp_path, "[pair]\nlow = -1\nhigh = 10\n")
    with pytest.raises(SettingsError) as caught:
        settings.section("pair", Pair)
    assert "photon.toml:2: `pair.low`: 'low' must be >= 0: -1" in str(caught.value)
    assert "photon.toml:3: `pair.high`: 'high' must be <= 9: 10" in str(caught.value)


def test_a_missing_required_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"photon\.toml:2: \[database\] needs the key `url`"):
        load(tmp_path, "\n[database]\n").section("database", Database)
    with pytest.raises(SettingsError, match=r"photon\.toml: \[database\] needs the key `url`"):
        load(tmp_path).section("database", Database)


def test_nested_tables_lists_and_maps_become_their_classes(tmp_path: Path) -> None:
    text = (
        "[server]\nfolder = 'a/b'\n[server.tls]\nbody = 1\n"
        "[[server.peers]]\nbody = 2\n[server.named.x]\nbody = 3\n"
    )
    assert load(tmp_path, text).section("server", Server) == Server(
        folder=Path("a/b"), tls=Limits(1), peers=[Limits(2)], named={"x": Limits(3)}
    )


def test_a_key_in_an_inline_table_is_reported_on_the_tables_line(tmp_path: Path) -> None:
    message = complaint(tmp_path, "[server]\nlimits = { body = 1, naems = [] }\n")
    assert message.startswith(
        "photon.toml:2: [server.limits] has no key `naems`; did you mean `names`"
    )


def test_a_section_that_is_no_table_is_an_error(tmp_path: Path) -> None:
    assert complaint(tmp_path, "server = 1\n") == (
        "photon.toml:1: [server] must be a table of keys and values"
    )


def test_an_error_in_the_class_itself_is_reported_on_the_section(tmp_path: Path) -> None:
    @attrs.frozen
    class Both:
        a: int = 0
        b: int = 0

        def __attrs_post_init__(self) -> None:
            if self.a and self.b:
                raise ValueError("a and b exclude each other")

    with pytest.raises(
        SettingsError, match=r"photon\.toml:1: \[both\]: a and b exclude each other"
    ):
        load(tmp_path, "[both]\na = 1\nb = 1\n").section("both", Both)


def test_check_lists_unknown_sections_and_the_faults_of_known_ones(tmp_path: Path) -> None:
    text = "debug = true\n[sevrer]\n[server]\nport = 'x'\n[app]\nanything = 1\n[zzzzzz]\n"
    settings = load(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        settings.check({"server": Server, "database": Limits})
    assert str(caught.value).splitlines() == [
        "4 problems in the settings:",
        "  photon.toml:1: `debug` is outside of all sections; put it below a line such as [server]",
        "  photon.toml:2: no package reads the section [sevrer]; did you mean `server`?",
        "  photon.toml:7: no package reads the section [zzzzzz];"
        " the sections are: server, database, app",
        "  photon.toml:4: `server.port`: expected `int`, got `str`",
    ]


def test_check_leaves_the_applications_section_alone_unless_it_is_claimed(tmp_path: Path) -> None:
    settings = load(tmp_path, "[app]\nanything = 1\n")
    settings.check({})
    with pytest.raises(SettingsError, match="has no key `anything`"):
        settings.check({"app": Limits})


def test_no_value_appears_in_the_repr(tmp_path: Path) -> None:
    settings = load(tmp_path, "[database]\nurl = 'u'\npassword = 'hunter2'\n")
    assert repr(settings).endswith("for 'test': sections database>")
    assert "hunter2" not in repr(settings)


def test_the_value_of_a_secret_field_appears_in_no_message(tmp_path: Path) -> None:
    settings = load(tmp_path, "[database]\nurl = 'u'\npassword = 'hunter2'\n")
    with pytest.raises(SettingsError) as caught:
        settings.section("database", Database)
    assert str(caught.value) == "photon.toml:3: `database.password`: this value is not allowed"


def test_the_value_of_a_secret_field_that_is_converted_appears_in_no_message(
    tmp_path: Path,
) -> None:
    @attrs.frozen
    class Vault:
        pin: int = attrs.field(default=0, repr=False, converter=int)
        size: int = attrs.field(default=0, converter=int)

    settings = load(tmp_path, "[vault]\npin = 'hunter2'\n")
    with pytest.raises(SettingsError) as caught:
        settings.section("vault", Vault)
    assert str(caught.value) == "photon.toml:1: [vault]: a value is not allowed"
    settings = load(tmp_path, "[vault]\nsize = 'large'\n")
    with pytest.raises(SettingsError, match="large"):
        settings.section("vault", Vault)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"a = 1\nb = \nc = 2\n", "photon.toml:2: this is not TOML: "),
        (b"[server]\nport = 1\n\nport = 2\n", "photon.toml:4: this is not TOML: "),
        (b"[server]\nport", "photon.toml:2: this is not TOML: "),
        (b"a = 1\nb = '\xff'\n", "photon.toml:2: the file is not UTF-8 text"),
    ],
)
def test_a_file_that_is_not_toml_is_reported_with_its_line(
    tmp_path: Path, text: bytes, place: str
) -> None:
    (tmp_path / "photon.toml").write_bytes(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, environment="test", environ={})
    assert str(caught.value).startswith(place)


def test_faults_of_both_files_and_of_variables_are_listed_together(tmp_path: Path) -> None:
    write_environment(tmp_path, "test", "x")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "y", environ={"PHOTON__SERVER": "1", "PHOTON__A____B": "1"})
    assert str(caught.value).startswith("4 problems")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("PHOTON__SERVER__PORT__X", r"`server\.port` is a value \(photon\.toml:2\)"),
        ("PHOTON__SERVER__LIMITS", r"`server\.limits` is a table; name a key in it"),
    ],
)
def test_a_variable_that_does_not_fit_the_tables_is_an_error(
    tmp_path: Path, name: str, problem: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}: {problem}"):
        load(tmp_path, "[server]\nport = 1\n[server.limits]\nbody = 1\n", environ={name: "1"})


@pytest.mark.parametrize("name", ["", "../secret", "a b"])
def test_an_environment_must_be_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="is not a name"):
        load(tmp_path, environment=name)


def test_lines_are_found_in_every_form_of_key(tmp_path: Path) -> None:
    text = '''# a comment with [brackets] and "quotes
top.dotted = 1
"quoted key" = """
[not.a.header] # not a comment
key = 1
"""

[ section . "sub.dotted" ]
list = [ # ] "
  1,
  [2],
]
after = '\\'
[[items]]
name = 1
[items.inner]
deep = 2
[[items]]
name = { a = "}", b = 2 }
'quo"te' = """a"""""
last = 1979-05-27 07:32:00
'''
    (tmp_path / "photon.toml").write_text(text, encoding="utf-8")
    file = read_toml(tmp_path / "photon.toml", name="f")
    assert file is not None
    assert file.lines == {
        ("top",): 2,
        ("top", "dotted"): 2,
        ("quoted key",): 3,
        ("section",): 8,
        ("section", "sub.dotted"): 8,
        ("section", "sub.dotted", "list"): 9,
        ("section", "sub.dotted", "after"): 13,
        ("items",): 14,
        ("items", 0): 14,
        ("items", 0, "name"): 15,
        ("items", 0, "inner"): 16,
        ("items", 0, "inner", "deep"): 17,
        ("items", 1): 18,
        ("items", 1, "name"): 19,
        ("items", 1, 'quo"te'): 20,
        ("items", 1, "last"): 21,
    }
    assert file.place(("items", 1, "name", "a")) == "f:19"


KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True),
    st.from_regex(r"'[a-z.#= \[\]\"]{0,4}'", fullmatch=True),
    st.from_regex(r'"[a-z.#= \[\]\']{0,4}(\\")?"', fullmatch=True),
)
VALUES = st.recursive(
    st.sampled_from(["1", "'#'", '"\\"["', '"""\n=\n"\n"""', "'''\n[x]\n'''", "true", "1.5", '""']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ # ]\n" + ", # x] '\n".join(items) + "\n]"),
        inner.filter(lambda v: "\n" not in v).map(lambda value: f"{{ k = {value} }}"),
    ),
    max_leaves=4,
)


@given(st.lists(st.tuples(st.lists(KEYS, min_size=1, max_size=2), VALUES), max_size=6))
def test_the_line_of_every_key_holds_that_key(entries: list[tuple[list[str], str]]) -> None:
    """Build files whose lines are known, and compare; invalid ones are left out."""
    text, expected = "", {}
    for number, (keys, value) in enumerate(entries):
        header = [f"h{number}", *keys[1:]]
        text += "[" + ".".join(header) + "] # [x]\n"
        expected[(f"h{number}", *(tomllib.loads(f"{k}=0").popitem()[0] for k in keys[1:]))] = (
            text.count("\n")
        )
        key = tomllib.loads(f"{keys[0]}=0").popitem()[0]
        path = (*list(expected)[-1], key)
        expected[path] = text.count("\n") + 1
        text += f"{keys[0]} = {value}\n"
    tomllib.loads(text)
    found = _lines(text)
    assert {path: found.get(path) for path in expected} == expected


@section("server")
@attrs.frozen
class BoundServer:
    port: int = 8000


@section("database", named=True)
@attrs.frozen
class NamedDatabase:
    url: str
    pool: dict[str, int] = attrs.field(factory=dict)


def test_a_bound_class_is_read_from_its_section_once(tmp_path: Path) -> None:
    settings = load(tmp_path, "[server]\nport = 1\n")
    assert settings.read(BoundServer) == BoundServer(1)
    assert settings.read(BoundServer) is settings.read(BoundServer)


def test_an_instance_that_the_check_made_is_the_one_that_is_read(tmp_path: Path) -> None:
    made = []

    @section("counted")
    @attrs.frozen
    class Counted:
        def __attrs_post_init__(self) -> None:
            made.append(self)

    settings = load(tmp_path)
    settings.check({"counted": Counted})
    assert settings.read(Counted) is made[0]
    assert len(made) == 1


def test_a_bound_class_that_does_not_fit_is_refused_each_time(tmp_path: Path) -> None:
    settings = load(tmp_path, "[server]\nport = 'x'\n")
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"photon\.toml:2: `server.port`"):
            settings.read(BoundServer)


def test_a_class_without_a_section_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"Server is not bound to a section .* @section"):
        load(tmp_path).read(Server)
    with pytest.raises(TypeError, match=r"BoundServer has one section, \[server\]"):
        load(tmp_path).read_named(BoundServer)
    with pytest.raises(ValueError, match="a name without dots"):
        section("a.b")


FAMILY = """
[database]
url = "sqlite:///main.db"
pool = { size = 2 }
[database.reports]
url = "sqlite:///reports.db"
[database.archive]
url = "${ARCHIVE:-sqlite:///archive.db}"
"""


def test_named_sections_are_read_beside_the_one_without_a_name(tmp_path: Path) -> None:
    environ = {"PHOTON__DATABASE__REPORTS__URL": "sqlite:///other.db"}
    settings = load(tmp_path, FAMILY, environ=environ)
    settings.check({"database": NamedDatabase})
    assert settings.read(NamedDatabase) == NamedDatabase("sqlite:///main.db", {"size": 2})
    assert settings.read_named(NamedDatabase) == {
        "reports": NamedDatabase("sqlite:///other.db"),
        "archive": NamedDatabase("sqlite:///archive.db"),
    }


def test_a_table_with_named_sections_only_has_no_keys_that_could_be_missing(
    tmp_path: Path,
) -> None:
    settings = load(tmp_path, "[database.reports]\nurl = 'u'\n")
    settings.check({"database": NamedDatabase})
    assert settings.read_named(NamedDatabase) == {"reports": NamedDatabase("u")}
    with pytest.raises(SettingsError, match="needs the key `url`"):
        settings.read(NamedDatabase)


def test_the_faults_of_all_named_sections_are_listed_together(tmp_path: Path) -> None:
    text = "[database]\nurll = 'u'\nurl = 1\n[database.a]\nurl = 2\n[database.b]\n"
    settings = load(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        settings.check({"database": NamedDatabase})
    assert str(caught.value).splitlines() == [
        "4 problems in the settings:",
        "  photon.toml:2: [database] has no key `urll`; did you mean `url`?",
        "  photon.toml:3: `database.url`: expected `str`, got `int`",
        "  photon.toml:5: `database.a.url`: expected `str`, got `int`",
        "  photon.toml:6: [database.b] needs the key `url`, which is not there",
    ]
    with pytest.raises(SettingsError, match="2 problems"):
        settings.read_named(NamedDatabase)
