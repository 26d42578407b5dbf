"""Tests of photon-tasks; a package, because the repository has another conftest."""
