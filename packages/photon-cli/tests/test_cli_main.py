from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from photon_cli import _plugins
from photon_cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

MODULE = """
    import click
    import photon_runtime.errors as errors

    @click.command()
    @click.pass_obj
    def hello(project):
        '''Greet somebody.

        At length.
        '''
        click.echo(f"hello from {project.directory} in {project.environment}")

    @click.command(short_help="Short.", help="Long.")
    def short():
        '''Not this.'''

    @click.command()
    def faulty():
        '''Fail in the way of the package.'''
        raise errors.PhotonError("three things are wrong")

    class Coded(errors.PhotonError):
        exit_code = 3

    @click.command()
    def coded():
        raise Coded("it is coded")

    @click.command()
    def bug():
        raise KeyError("a bug")

    no_command = 1
    assigned = click.Command("assigned", help="Made in another way.", callback=lambda: None)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install distributions that contribute commands, as pip would: files on ``sys.path``."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("PHOTON_ENV", raising=False)
    monkeypatch.chdir(tmp_path)

    def install(name: str, module: str = MODULE, **commands: str) -> None:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("raise SystemExit('the package was imported')\n")
        (tmp_path / f"{name}_cli.py").write_text(textwrap.dedent(module))
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        entries = [f"{command} = {value}\n" for command, value in commands.items()]
        (info / "entry_points.txt").write_text("[photon.commands]\n" + "".join(entries))
        monkeypatch.delitem(sys.modules, f"{name}_cli", raising=False)
        monkeypatch.setattr(cli, "_plugins", None)

    return install


def photon(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="photon")


def test_a_command_of_an_installed_package_runs(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("aa", hello="aa_cli:hello")
    result = photon("hello")
    assert result.output == f"hello from {tmp_path} in development\n"
    assert result.exit_code == 0


def test_the_help_names_each_command_with_one_line_and_imports_none(
    install: Callable[..., None],
) -> None:
    install("aa", hello="aa_cli:hello", short="aa_cli:short", faulty="aa_cli:faulty")
    output = photon("--help").output
    lines = [line.split(maxsplit=1) for line in output.splitlines()]
    assert ["hello", "Greet somebody"] in lines
    assert ["short", "Short."] in lines
    assert ["faulty", "Fail in the way of the package"] in lines
    assert "aa_cli" not in sys.modules


def test_a_command_inside_a_package_is_described_without_importing_the_package(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("aa", hello="aa._cli:hello")
    (tmp_path / "aa" / "_cli.py").write_text(textwrap.dedent(MODULE))
    assert "Greet somebody" in photon("--help").output
    assert "aa" not in sys.modules


def test_a_command_whose_source_does_not_tell_is_imported_for_the_help(
    install: Callable[..., None],
) -> None:
    install("aa", assigned="aa_cli:assigned")
    assert "Made in another way." in photon("--help").output


def test_a_broken_command_is_reported_by_name_and_the_others_work(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("bad", "import click\n\n1 / 0\n", broken="bad_cli:broken", gone="not_there:x")
    install("aa", hello="aa_cli:hello")
    output = photon("--help").output
    assert "Greet somebody" in output
    assert "cannot be loaded" in output
    assert photon("hello").exit_code == 0
    result = photon("broken")
    assert result.exit_code == 1
    assert result.output == (
        "Error: `broken` of bad 1.2 (bad_cli:broken) cannot be loaded: ZeroDivisionError:"
        f" division by zero ({tmp_path / 'bad_cli.py'}:3)\n"
    )
    assert "`gone` of bad 1.2" in photon("gone").output


def test_a_plugin_that_is_no_command_is_reported(install: Callable[..., None]) -> None:
    install("aa", thing="aa_cli:no_command")
    result = photon("thing")
    assert (
        result.output
        == "Error: `thing` of aa 1.2 (aa_cli:no_command) is a int, not a click command\n"
    )


def test_two_packages_that_offer_the_same_command_are_both_named(
    install: Callable[..., None],
) -> None:
    install("aa", hello="aa_cli:hello")
    install("bb", hello="bb_cli:hello")
    result = photon("hello")
    assert result.exit_code == 1
    assert "aa 1.2 (aa_cli:hello) and by bb 1.2 (bb_cli:hello)" in result.output


def test_an_unknown_command_suggests_the_nearest(install: Callable[..., None]) -> None:
    install("aa", hello="aa_cli:hello")
    result = photon("helo")
    assert result.exit_code == 2
    assert "the command `helo` does not exist; did you mean `hello`?" in result.output
    assert "`photon --help` lists them." in photon("zzzzz").output


def test_an_error_of_a_photon_package_is_a_message(install: Callable[..., None]) -> None:
    install("aa", faulty="aa_cli:faulty", coded="aa_cli:coded", bug="aa_cli:bug")
    result = photon("faulty")
    assert (result.exit_code, result.output) == (1, "Error: three things are wrong\n")
    assert photon("coded").exit_code == 3
    assert isinstance(photon("bug").exception, KeyError)


def test_the_environment_comes_from_the_option_then_from_the_variable(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("aa", hello="aa_cli:hello")
    monkeypatch.setenv("PHOTON_ENV", "staging")
    assert "in staging" in photon("hello").output
    assert "in test" in photon("-e", "test", "hello").output


def test_the_directory_option_works_in_another_folder(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("aa", hello="aa_cli:hello")
    (tmp_path / "deep").mkdir()
    assert f"hello from {tmp_path / 'deep'}" in photon("-C", "deep", "hello").output
    assert os.getcwd() == str(tmp_path / "deep")
    assert photon("-C", "gone", "hello").exit_code == 2


def test_nothing_but_click_is_imported_for_the_help() -> None:
    """What a command needs, above all photon_runtime, is imported when the command is used."""
    script = (
        "import sys; from click.testing import CliRunner; from photon_cli.main import cli;"
        "CliRunner().invoke(cli, ['--help']);"
        "print([n for n in ('photon_runtime', 'photon_router', 'attrs', 'msgspec', 'yaml')"
        " if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"


def test_the_error_for_a_command_is_a_click_exception() -> None:
    assert issubclass(_plugins.PluginError, click.ClickException)
