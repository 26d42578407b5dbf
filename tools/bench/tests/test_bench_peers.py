"""The lock of the peers' environment."""

from bench._peers import _LIST, pinned_distributions
from bench._servers import SERVERS


def test_a_lock_is_split_into_distributions_with_their_hashes() -> None:
    lock = "# head\na==1 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\nb==2\n"
    assert [line.split() for line in pinned_distributions(lock)] == [
        ["a==1", "--hash=sha256:0", "--hash=sha256:1"],
        ["b==2"],
    ]


def test_every_peer_is_pinned_with_hashes() -> None:
    pinned = pinned_distributions(_LIST.read_text())
    wanted = {name for server in SERVERS.values() for name in server.peers}
    assert {line.split("==")[0] for line in pinned} >= wanted > {"bjoern", "freastal", "robyn"}
    assert all("--hash=sha256:" in line for line in pinned)
