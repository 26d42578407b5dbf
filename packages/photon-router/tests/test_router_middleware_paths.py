from photon_router.middleware._paths import PathSet


def test_a_path_is_exempt_whole_or_by_its_beginning() -> None:
    paths = PathSet(["/health", "/api/*"])
    assert all(path in paths for path in ("/health", "/api", "/api/", "/api/a/b"))
    assert not any(path in paths for path in ("/", "/health/x", "/apis", "/API/x", "/%61pi/x"))


def test_a_star_alone_is_every_path_and_nothing_is_none() -> None:
    assert "/a" in PathSet(["/*"])
    assert "/" in PathSet(["/*"])
    assert "/" not in PathSet([])


def test_a_path_that_climbs_is_not_below_a_beginning() -> None:
    paths = PathSet(["/hooks/*"])
    climbing = ("/../pay", "/a/../../pay", "/%2e%2e/pay", "/.%2E/pay", "/..%2fpay", "/..")
    assert not any(f"/hooks{rest}" in paths for rest in (*climbing, "/..%5cpay"))
    assert all(f"/hooks{rest}" in paths for rest in ("/a..b", "/...", "/v1.2", "/%2e%2egit"))
