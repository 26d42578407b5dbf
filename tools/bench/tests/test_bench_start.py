from __future__ import annotations

import pytest

from bench.start import KINDS, main


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_route_is_measured(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([kind, "20"])
    name, number, *figures = capsys.readouterr().out.split()
    assert (name, number) == (kind, "20")
    assert [figures[0][-1], figures[1][-1]] == ["s", "s"]
