from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from photon_cli.generation import apply_edits, undo_edits
from photon_runtime.generators import InsertCode

if TYPE_CHECKING:
    from pathlib import Path


def inserted(root: Path, before: str, line: str, name: str = "blog/app.py") -> str:
    """Insert an import into a file; check that it is skipped then, and undone without a trace."""
    file = root / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(before.encode())
    edit = InsertCode(name, line, place="imports")
    plan = apply_edits(root, [edit])
    [result] = plan.results
    assert result.verb == "injected", result
    [change] = plan.changes
    assert change.after is not None
    file.write_bytes(change.after)
    [again] = apply_edits(root, [edit]).results
    assert again.verb == "skipped"
    [undone] = undo_edits(root, [edit]).changes
    assert undone.after is not None
    assert undone.after.decode().replace("\n\n", "\n") == before.replace("\n\n", "\n")
    return change.after.decode()


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
    after = inserted(tmp_path, SORTED, line)
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
    assert inserted(tmp_path, before, line) == after
