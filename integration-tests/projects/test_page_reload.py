"""Pages reload in a real browser, once for each change, also while they stream and have sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from browsing import Window
from project_folder import PHOTON, Folder, announced_url
from selenium.webdriver import Chrome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

APPLICATION = '''
from collections.abc import Iterator
from pathlib import Path

from photon import Html, Photon, PhotonWebSocket, Response, ServerSentEvent, sleep

app = Photon()
LOADS = Path(__file__).parent / "loads.log"


@app.get("/")
def home() -> Html:
    with LOADS.open("a") as log:
        log.write("x")
    return Html(PAGE)


@app.get("/page.js")
def script() -> Response:
    return Response(body=SCRIPT, content_type="text/javascript")


@app.get("/ticks")
def ticks() -> Iterator[ServerSentEvent]:
    while True:
        yield ServerSentEvent("tick")
        sleep(60)


@app.websocket("/echo")
def echo(ws: PhotonWebSocket) -> None:
    for message in ws:
        ws.send(message)


PAGE = """<!doctype html><title>Page</title>
<p id="state"></p><script src="/page.js"></script>"""
SCRIPT = """
const seen = new Set();
const note = (name) => {
  seen.add(name);
  document.getElementById("state").textContent = [...seen].sort().join(" ");
};
new EventSource("/ticks").onmessage = () => note("events");
const socket = new WebSocket(`ws://${location.host}/echo`);
socket.onopen = () => socket.send("hello");
socket.onmessage = () => note("socket");
"""
'''


@attrs.define
class DevServer:
    """``photon dev`` on a folder."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    @property
    def loads(self) -> int:
        """Number of times that the page was loaded."""
        return len((self.folder / "loads.log").read_text())

    def change(self) -> str:
        """Change the application; return what is printed until it serves again."""
        with (self.folder / "main.py").open("a") as file:
            file.write("\n")
        output = ""
        assert self.process.stdout is not None
        while "restarted" not in output:
            line = self.process.stdout.readline()
            assert line, output
            output += line
        return output


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    (tmp_path / "main.py").write_text(APPLICATION)
    (tmp_path / "photon.toml").write_text('[project]\napp = "main:app"\n')
    folder = Folder(tmp_path, {"PYTHONUNBUFFERED": "1"})
    with subprocess.Popen(
        [*PHOTON, "dev", "--port", "0"],
        cwd=tmp_path,
        env=folder.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield DevServer(tmp_path, announced_url(process), process)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()


def test_a_page_with_a_stream_and_a_socket_reloads_once_for_each_change(
    server: DevServer, browser: Chrome
) -> None:
    window = Window(browser)
    window.open(server.url)
    window.wait_for("#state", "events socket")
    for count in range(2, 5):
        browser.execute_script("document.getElementById('state').remove()")
        begin = time.monotonic()
        output = server.change()
        window.wait_for("#state", "events socket")
        print(f"reloaded after {time.monotonic() - begin:.2f} s")
        assert "is killed" not in output
        assert server.loads == count
    time.sleep(1)  # a page that reloads forever does so several times a second
    assert server.loads == 4
