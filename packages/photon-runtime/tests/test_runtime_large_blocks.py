from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import resource
    from photon_runtime._large_blocks import keep_large_blocks

    def faults(rounds):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(rounds):
            blocks = [b"x" * 1_000_000 for _ in range(8)]
            del blocks
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if CALLED:
        keep_large_blocks()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident)
    faults(1)
    print(faults(10))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is about the C library of Linux")
def test_memory_of_large_blocks_is_used_again_and_costs_nothing_before() -> None:
    def run(called: bool) -> tuple[int, int]:
        code = textwrap.dedent(PROGRAM).replace("CALLED", str(called))
        output = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        resident, faults = output.split()
        return int(resident), int(faults)

    resident, faults = run(True)
    assert resident < 1024  # KB
    assert faults < 200
    # Without it each round maps its pages anew; if that is no longer so, it is not needed.
    assert run(False)[1] > 5_000
