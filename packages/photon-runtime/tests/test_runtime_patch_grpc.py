"""Real threads for modules that wait in C, in a program under the patch."""

from __future__ import annotations

from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow


def test_threads_of_such_a_module_are_real_and_others_may_join_them(tmp_path: Path) -> None:
    program = """
    import threading, types
    from photon_runtime.patch import _grpc, get_ident, real_get_ident

    module = types.ModuleType("cygrpc")
    module.threading = threading
    _grpc.cooperate(module)
    own = module.threading
    _grpc.cooperate(module)
    assert module.threading is own is not threading
    assert own.Lock is threading.Lock

    here, found = real_get_ident(), []
    with own.Lock():
        thread = own.Thread(target=lambda: found.append((get_ident(), real_get_ident())))
        thread.start()
    thread.join()
    [(ident, real)] = found
    assert ident == real != here
    try:
        thread.start()
    except RuntimeError as error:
        print(error)
    plain = threading.Thread(target=lambda: found.append(real_get_ident()))
    plain.start()
    plain.join()
    assert found[-1] == here
    """
    done = run_patched(program, tmp_path, options=("-W", "error"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "threads can only be started once\n"
