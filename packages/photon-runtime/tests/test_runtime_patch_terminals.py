"""Terminals whose output is waited for, in tasks."""

from __future__ import annotations

import os
import termios

import pytest

import photon_runtime as rt
from photon_runtime.patch import _terminals


def test_waits_for_a_terminal_are_made_on_a_thread_with_the_same_results_and_errors() -> None:
    def main() -> None:
        mine, other = os.openpty()
        attributes = termios.tcgetattr(other)
        for when in (termios.TCSANOW, termios.TCSADRAIN):
            attributes[3] ^= termios.ECHO
            _terminals.tcsetattr(other, when, attributes)
            assert termios.tcgetattr(other)[3] == attributes[3]
        _terminals.tcdrain(other)
        _terminals.tcsendbreak(other, 0)
        for fd in (mine, other):
            os.close(fd)
        with pytest.raises(termios.error):
            _terminals.tcdrain(other)

    rt.run(main)
