"""An application with background work, for `photon run`."""

import time

from photon import Photon, spawn_background

app = Photon()


def work(seconds: float) -> None:
    """Take a while."""
    time.sleep(seconds)
    print(f"ended {seconds:g}", flush=True)


@app.post("/work/{count}/{seconds}")
def begin(count: int, seconds: float) -> str:
    """Begin work in the background."""
    for _ in range(count):
        spawn_background(work, seconds)
    return "begun"
