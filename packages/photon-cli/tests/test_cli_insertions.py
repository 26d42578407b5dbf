"""Insertions leave every other byte of a file as it is, and are taken back without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from photon_cli.generation import apply_edits, text_without
from photon_cli.generation._conflict import Conflict
from photon_runtime.generators import (
    CreateFile,
    Edit,
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    RenderFile,
    UpdateFile,
)

if TYPE_CHECKING:
    from pathlib import Path

CALL = InsertCall("m.py", "include(posts.router)", on="Photon")


def inserted(root: Path, before: str, edit: Edit, *, is_exact: bool = True) -> str:
    """Insert code into a file; check that it is skipped then, and undone without a trace."""
    file = root / edit.path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(before.encode())
    plan = apply_edits(root, [edit])
    [result] = plan.results
    assert result.verb == "injected", result
    [change] = plan.changes
    assert change.after is not None
    file.write_bytes(change.after)
    after = change.after.decode()
    [again] = apply_edits(root, [edit]).results
    assert again.verb == "skipped"
    assert not isinstance(edit, CreateFile | RenderFile | UpdateFile)
    undone = text_without(after.removeprefix("\ufeff"), edit, root)
    before = before.removeprefix("\ufeff")
    if not is_exact:
        undone, before = undone.replace("\n\n", "\n"), before.replace("\n\n", "\n")
    assert undone == before
    return after


SORTED = """\
from __future__ import annotations

import os
import sys
from pathlib import Path

import attrs
from photon import Photon

from blog.models import Base

app = Photon()
"""


@pytest.mark.parametrize(
    ("line", "above"),
    [
        ("import re", "import os\n"),
        ("from abc import ABC", "import sys\n"),
        ("from typing import Any", "from pathlib import Path\n"),
        ("import anyio", "from pathlib import Path\n\n"),
        ("import zope", "import attrs\n"),
        ("from photon_templates import TemplatesPart", "from photon import Photon\n"),
        ("from blog.routes import posts", "from blog.models import Base\n"),
        ("from blog.auth import users", "from photon import Photon\n\n"),
        ("from . import routes", "from blog.models import Base\n\n"),
    ],
)
def test_an_import_goes_to_its_place_among_sorted_imports(
    tmp_path: Path, line: str, above: str
) -> None:
    after = inserted(tmp_path, SORTED, InsertCode("blog/app.py", line, place="imports"))
    at = SORTED.index(above) + len(above)
    expected = SORTED[:at] + line + "\n" + SORTED[at:]
    if line.startswith("from . "):
        expected = SORTED.replace("Base\n", f"Base\n\n{line}\n")
    assert after == expected


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("from b import z\nimport a\n\nx = 1\n",
         "import k",
         "from b import z\nimport a\nimport k\n\nx = 1\n"),
        ("from b import a, c\n", "from b import b", "from b import a, b, c\n"),
        ("from b import B, a\n", "from b import C", "from b import B, C, a\n"),
        ("from b import c, a\n", "from b import b", "from b import c, a, b\n"),
        ("from b import (a)\n", "from b import b", "from b import (a, b)\n"),
        ("from b import a  # why\n", "from b import b", "from b import a, b  # why\n"),
        (
            "from b import (  # all\n    a,  # first\n    c\n)\n",
            "from b import b",
            "from b import (  # all\n    a,  # first\n    b,\n    c\n)\n",
        ),
        (
            "from b import (\n    a,\n    c  # last\n)\n",
            "from b import d",
            "from b import (\n    a,\n    c,  # last\n    d\n)\n",
        ),
        ("from b import (\r\n\ta,\r\n)\r\n",
         "from b import b",
         "from b import (\r\n\ta,\r\n\tb,\r\n)\r\n"),
        ("from b import a as b\n", "from b import a", "from b import a as b, a\n"),
        ("from b import \\\n    a, \\\n    c\n",
         "from b import d",
         "from b import \\\n    a, \\\n    c, d\n"),
        ("from b import (a,\n               c)\n",
         "from b import d",
         "from b import (a,\n               c, d)\n"),
        ("from b import *\n", "from b import a", "from b import *\nfrom b import a\n"),
        ("import os.path\n", "import os", "import os\nimport os.path\n"),
        ("import a; import b\nx = 1\n", "import c", "import a; import b\nimport c\nx = 1\n"),
        ("\ufeffimport a\n", "import b", "\ufeffimport a\nimport b\n"),
        ("import a", "import b", "import a\nimport b"),
        ("import a\rimport c\r", "import b", "import a\rimport b\rimport c\r"),
        ("import a\n\f\nimport c\n", "import b", "import a\nimport b\n\f\nimport c\n"),
        ("#!/usr/bin/python\n# -*- coding: utf-8 -*-\nx = 1\n",
         "import a",
         "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nimport a\n\nx = 1\n"),
        ("# The routes.\n\nx = 1\n", "import a", "# The routes.\n\nimport a\n\nx = 1\n"),
        ('"""Doc."""\n\nx = 1\n', "import a", '"""Doc."""\n\nimport a\n\nx = 1\n'),
        ('"""Doc."""\nx = 1\n', "import a", '"""Doc."""\n\nimport a\n\nx = 1\n'),
        ('"""Doc."""\n',
         "from __future__ import annotations",
         '"""Doc."""\n\nfrom __future__ import annotations\n'),
        (
            "import a\n\nif TYPE_CHECKING:\n    from b import c\n",
            "from b import c",
            "import a\nfrom b import c\n\nif TYPE_CHECKING:\n    from b import c\n",
        ),
        (
            "import sys\n\nsys.path.append('x')\n\nfrom blog import x\n",
            "from blog import y",
            "import sys\n\nsys.path.append('x')\n\nfrom blog import x, y\n",
        ),
        (
            "import a\ntry:\n    import b\nexcept ImportError:\n    b = None\n",
            "import c",
            "import a\nimport c\ntry:\n    import b\nexcept ImportError:\n    b = None\n",
        ),
    ],
)  # fmt: skip
def test_an_import_leaves_everything_else_as_it_is(
    tmp_path: Path, before: str, line: str, after: str
) -> None:
    edit = InsertCode("blog/app.py", line, place="imports")
    assert inserted(tmp_path, before, edit, is_exact=False) == after


@pytest.mark.parametrize(
    ("before", "above"),
    [
        ("app = Photon()\n", "app = Photon()\n"),
        ("app: Photon = Photon(\n    title='x',\n)  # ours\nx = 1\n", ")  # ours\n"),
        ("app = Photon()\napp.include(a)\napp.include(\n    b,\n)\napp.run()\n", "    b,\n)\n"),
        ("app = Photon()\napp.add(A())\n\n\n@app.get('/')\ndef home(): ...\n", "app.add(A())\n"),
        ("from photon import Photon as App\nweb = App()\n", "web = App()\n"),
        ("import photon\n\nweb = photon.Photon()\nweb.add(1)\n", "web.add(1)\n"),
        ("def make():\n\tapi = Photon()\n\tapi.include(x)\n\treturn api\n", "\tapi.include(x)\n"),
        ("app = Photon()\nif DEBUG:\n    app.include(debug)\n", "    app.include(debug)\n"),
        ("app = Photon()\r\nfor each in ROUTERS:\r\n    app.include(each)\r\nx = 1\r\n",
         "(each)\r\n"),
        ("app = Photon(); app.include(x)\ny = 1\n", "app.include(x)\n"),
        ("app = Photon()", "app = Photon()"),
        ("é = 'ü'; app = Photon()  # ß\n", "# ß\n"),
        ("app = Photon()\napp.include(x); y = 1\nz = 2\n", "y = 1\n"),
        ("async def make():\n\tapp = Photon()\n\treturn app\n", "app = Photon()\n"),
        ("app = Photon[int]()\n# end\n", "()\n"),
        ("app = Photon() \\\n\nx = 1\n", "\\\n\n"),
    ],
)  # fmt: skip
def test_a_call_goes_below_the_last_of_its_kind(tmp_path: Path, before: str, above: str) -> None:
    after = inserted(tmp_path, before, CALL)
    variable = next(
        each for each in ("web", "api", "app") if f"{each} = " in before or f"{each}:" in before
    )
    line = f"{variable}.include(posts.router)"
    at = before.index(above) + len(above)
    end = "\r\n" if "\r\n" in before else "\n"
    tab = "\t" if "\t" in before else ""
    expected = before[:at] + tab + line + end + before[at:]
    assert after == (expected if before.endswith("\n") else before + "\n" + line)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("x = 1\n", "an object of `Photon` is not created there"),
        ("a = Photon()\nb = Photon()\n", "objects of `Photon` are created in lines 1 and 2"),
        ("def f(): a = Photon(); return a\n", "line 1 has more than one statement"),
    ],
)
def test_a_call_without_a_place_is_shown_with_its_place(
    tmp_path: Path, before: str, reason: str
) -> None:
    (tmp_path / "m.py").write_text(before)
    [result] = apply_edits(tmp_path, [CALL]).results
    assert str(result).startswith(f"conflict: m.py ({reason}; add by hand, below ")
    assert str(result).endswith(":)\n    app.include(posts.router)")


def test_a_variable_or_a_function_chooses_among_several_objects(tmp_path: Path) -> None:
    before = "a = Photon()\ndef make():\n    b = Photon()\n    return b\n"
    for variable, line in (("a", "a.run()\n"), ("make", "    b.run()\n"), ("b", "    b.run()\n")):
        edit = InsertCall("m.py", "run()", on="Photon", variable=variable)
        assert line in inserted(tmp_path, before, edit)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('__all__ = ["Base"]\n', '__all__ = ["Base", "Post"]\n'),
        ('__all__ = ["Base", "Tag"]\n', '__all__ = ["Base", "Post", "Tag"]\n'),
        ('__all__ = ("Tag", "Base")\n', '__all__ = ("Tag", "Base", "Post")\n'),
        ("__all__ = ()\n", '__all__ = ("Post",)\n'),
        ("__all__ = []\n", '__all__ = ["Post"]\n'),
        ("__all__: list[str] = ['Base']  # all\n",
         "__all__: list[str] = ['Base', \"Post\"]  # all\n"),
        ('__all__ = "a", "b"\n', '__all__ = "Post", "a", "b"\n'),
        ('__all__ = ("a",)\n', '__all__ = ("Post", "a",)\n'),
        ('__all__ = ("A",)\n', '__all__ = ("A", "Post")\n'),
        ('__all__ = [\n    "Base",  # first\n    # then\n    "Tag",\n]\n',
         '__all__ = [\n    "Base",  # first\n    "Post",\n    # then\n    "Tag",\n]\n'),
        ('__all__ = [\r\n\t"Base"\r\n]\r\n', '__all__ = [\r\n\t"Base",\r\n\t"Post"\r\n]\r\n'),
        ('__all__ = [\n    # c\n    "Z",\n]\n', '__all__ = [\n    "Post",\n    # c\n    "Z",\n]\n'),
        ('__all__ = ("A" "B"),\n', '__all__ = ("A" "B"), "Post"\n'),
        ("__all__ = [lambda a, b: a, f(1, 2)]\n", '__all__ = [lambda a, b: a, f(1, 2), "Post"]\n'),
        ('__all__ = [\n    "A",\n    "B", ]\n', '__all__ = [\n    "A",\n    "B",\n    "Post", ]\n'),
        ("__all__ = [  # ours\n]\n", '__all__ = [  # ours\n    "Post",\n]\n'),
        ('__all__ = [("A"), "B"]\n', '__all__ = [("A"), "B", "Post"]\n'),
        ('__all__ = ["A",\n           "B"]\n', '__all__ = ["A",\n           "B", "Post"]\n'),
    ],
)  # fmt: skip
def test_an_element_joins_the_layout_of_its_list(tmp_path: Path, before: str, after: str) -> None:
    assert inserted(tmp_path, before, InsertItem("m.py", '"Post"', to="__all__")) == after


def test_a_list_that_would_be_too_long_gets_one_element_in_each_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 24\n")
    (tmp_path / "m.py").write_text('__all__ = ["A", "Base"]\n')
    [change] = apply_edits(tmp_path, [InsertItem("m.py", '"B"', to="__all__")]).changes
    assert change.text == '__all__ = [\n    "A",\n    "B",\n    "Base",\n]\n'


def test_an_element_goes_into_a_dictionary_or_an_attribute(tmp_path: Path) -> None:
    edit = InsertItem("m.py", '"b": [1]', to="Settings.kinds")
    before = 'class Settings:\n    kinds = {"a": (2, 3), **x}\n'
    assert inserted(tmp_path, before, edit) == before.replace("**x", '**x, "b": [1]')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class A:\n    x = 1\n\n    def f(self): ...\n",
         "class A:\n    x = 1\n    y: int = 2\n\n    def f(self): ...\n"),
        ('class A:\n    """Doc."""\n', 'class A:\n    """Doc."""\n\n    y: int = 2\n'),
        ("class A(B):\n    pass\n", "class A(B):\n    y: int = 2\n"),
        ("class A: ...\n", "class A: y: int = 2\n"),
        ("class A:\n    x = f(\n        1\n    ); z = 2\n",
         "class A:\n    x = f(\n        1\n    ); z = 2\n    y: int = 2\n"),
        ("class A:\n\tx: str = f(\n\t\t1,\n\t)  # why\n",
         "class A:\n\tx: str = f(\n\t\t1,\n\t)  # why\n\ty: int = 2\n"),
        ("class A:\n    @property\n    def f(self): ...\n",
         "class A:\n    y: int = 2\n\n    @property\n    def f(self): ...\n"),
    ],
)  # fmt: skip
def test_an_attribute_goes_below_the_last_one(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "m.py").write_text(before)
    edit = InsertAttribute("m.py", "y: int = 2", of="A")
    [change] = apply_edits(tmp_path, [edit]).changes
    assert change.text == after
    (tmp_path / "m.py").write_text(after)
    undone = text_without(after, edit, tmp_path)
    compile(undone, "m.py", "exec")
    assert "y: int" not in undone


def test_another_attribute_of_the_name_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("class A:\n    y: str\n")
    [result] = apply_edits(tmp_path, [InsertAttribute("m.py", "y: int = 2", of="A")]).results
    assert str(result) == "conflict: m.py (`A` has another `y` in line 2)"


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("def posts(): ...\n", 1),
        ("import a\nfrom blog.pages import posts\n", 2),
        ("a = posts = 1\n", 1),
        ("class posts: ...\n", 1),
    ],
)
def test_an_import_does_not_replace_another_meaning_of_its_name(
    tmp_path: Path, before: str, line: int
) -> None:
    (tmp_path / "m.py").write_text(before)
    edit = InsertCode("m.py", "from blog.routes import posts", place="imports")
    [conflict] = apply_edits(tmp_path, [edit]).conflicts
    assert conflict.reason.startswith(f"`posts` is something else in line {line}")


def test_a_relative_import_of_the_same_name_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "src" / "blog").mkdir(parents=True)
    (tmp_path / "src" / "blog" / "app.py").write_text("from .routes import posts\n")
    edit = InsertCode("src/blog/app.py", "from blog.routes import posts", place="imports")
    assert apply_edits(tmp_path, [edit]).changes == []


@pytest.mark.parametrize("before", ["a = 1\n", "a = 1", "a = 1\r\n", "\tif a:\r\n\t\tb\r\n"])
def test_code_at_the_end_keeps_its_distance(tmp_path: Path, before: str) -> None:
    after = inserted(tmp_path, before, InsertCode("m.py", "\n\ndef f(): ...\n", place="end"))
    assert after.replace("\r", "").rstrip("\n").endswith("\n\n\ndef f(): ...")
    assert inserted(tmp_path, "", InsertCode("m.py", "\n\nb = 2\n", place="end")) == "b = 2\n"


def test_a_file_in_another_encoding_keeps_it(tmp_path: Path) -> None:
    before = "# -*- coding: latin-1 -*-\nimport os  # ü\n".encode("latin-1")
    (tmp_path / "m.py").write_bytes(before)
    [change] = apply_edits(tmp_path, [InsertCode("m.py", "import re", place="imports")]).changes
    assert change.after == before + b"import re\n"
    [conflict] = apply_edits(tmp_path, [InsertCode("m.py", "x = '\u20ac'", place="end")]).conflicts
    assert conflict.reason == "its encoding, iso-8859-1, does not have '\u20ac'"


def test_an_import_that_is_still_used_or_exported_is_not_removed(tmp_path: Path) -> None:
    edit = InsertCode("m.py", "from b import a", place="imports")
    for rest in ("print(a.x)\n", "__all__ = ['a']\n", "def f() -> a: ...\n"):
        with pytest.raises(Conflict, match="`from b import a` is still used"):
            text_without("from b import a\n" + rest, edit, tmp_path)
    assert text_without("from b import a\nx = 'a'\n", edit, tmp_path) == "x = 'a'\n"


def test_code_with_a_comment_of_people_is_not_removed(tmp_path: Path) -> None:
    edits: dict[str, InsertCode | InsertCall | InsertItem] = {
        "from b import a  # why\n": InsertCode("m.py", "from b import a", place="imports"),
        "app.include(posts.router)  # why\n": CALL,
        "L = [\n    1,  # why\n]\n": InsertItem("m.py", "1", to="L"),
    }
    for text, edit in edits.items():
        with pytest.raises(Conflict, match="a comment was added beside"):
            text_without(text, edit, tmp_path)
