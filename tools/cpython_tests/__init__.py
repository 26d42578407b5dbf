"""CPython's own tests under Photon's patch: ``python tools/cpython_tests``."""
