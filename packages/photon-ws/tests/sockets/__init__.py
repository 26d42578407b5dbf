"""Tests of photon-ws; a package, because the repository has another conftest."""
