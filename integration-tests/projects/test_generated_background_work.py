"""From nothing to a job: a new project, the generators of background work, and a request.

Each command is one that a developer types. Nothing is installed or started besides the server.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from project_folder import PHOTON, Folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENQUEUEING = '''

@app.post("/orders/{order_id}")
def create_order(order_id: int) -> None:
    """Create an order, and send its receipt."""
    send_receipt.enqueue(order_id, note="Thank you")
'''
ENQUEUEING_TEST = """

def test_an_order_has_a_receipt(client: Client) -> None:
    client.post("/orders/7")
    client.jobs.assert_enqueued(send_receipt, 7, note="Thank you")
"""
GENERATED = (
    ("worker", "send_receipt", "order_id:int", "note:string?", "--queue", "mails"),
    ("worker", "resize"),
    ("task", "shrink_images", "limit:int"),
    ("schedule", "nightly_report", "0 3 * * *"),
    ("mailer", "welcome", "user_name:string"),
    ("mailer", "goodbye"),
)


def new_shop(folder: Path, *options: str) -> Folder:
    Folder(folder).photon("new", "shop", "--no-git", *options)
    shop = Folder(folder / "shop")
    for words in GENERATED:
        shop.photon("generate", *words)
    return shop


def append(file: Path, *, imports: str, code: str) -> None:
    """Insert imports above those of photon, and code at the end."""
    text = file.read_text()
    file.write_text(text.replace("from photon", f"{imports}\nfrom photon", 1) + code)


@pytest.mark.parametrize("kind", ["api", "minimal"])
def test_a_generated_job_runs_and_the_rest_works_while_it_is_destroyed(
    tmp_path: Path, kind: str
) -> None:
    shop = new_shop(tmp_path, f"--{kind}")
    if kind == "minimal":
        app, test, home = shop.path / "app.py", shop.path / "test_app.py", "app"
        append(app, imports="", code=ENQUEUEING)
        append(test, imports="", code=ENQUEUEING_TEST)
    else:
        app, test = shop.path / "shop/app.py", shop.path / "tests/test_app.py"
        home = "shop.tasks.send_receipt"
        imports = f"from {home} import send_receipt"
        append(app, imports=imports, code=ENQUEUEING)
        append(test, imports=imports, code=ENQUEUEING_TEST)
    assert " passed" in shop.photon("test", "-q", "-W", "error")
    assert '"Shrink images: done"' in shop.photon("task", "shrink_images", "limit:1")
    assert "nightly_report" in shop.photon("scheduler", "--list")
    with shop.serving("-e", "development") as url:
        with urlopen(Request(f"{url}/orders/7", method="POST"), timeout=10) as response:
            assert response.status < 300
        assert wait_for_jobs(shop) == [(f"{home}.send_receipt", "mails", "completed")]
    for generator, name in (("worker", "resize"), ("task", "shrink_images"), ("mailer", "welcome")):
        shop.photon("destroy", generator, name)  # others share its package, and its settings
    assert " passed" in shop.photon("test", "-q", "-W", "error")
    shop.photon("destroy", "mailer", "goodbye")
    assert "mail" not in (shop.path / "photon.toml").read_text()
    assert "TemplatesPart" not in app.read_text()
    assert list(shop.path.rglob("mails/*")) == []


def wait_for_jobs(shop: Folder) -> list[tuple[str, str, str]]:
    """Return the jobs that `photon jobs list` shows, when they have ended."""
    found: list[tuple[str, str, str]] = []
    for _ in range(50):
        listed = json.loads(shop.attempt(*PHOTON, "jobs", "list", "--json").stdout)
        found = [(each["task"], each["queue"], each["state"]) for each in listed]
        if found and all(state == "completed" for _, _, state in found):
            break
        time.sleep(0.1)
    return found
