"""A browser for tests: Chromium or Chrome without a window, driven by Selenium.

It has a profile of its own in a temporary folder and resolves no name but ``127.0.0.1``, so that a
page that needs another server is incomplete here. Nothing is downloaded: the browser and its driver
are those of the operating system.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from ._programs import ServerUnavailable, program

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_BLOCKED = 2  # a setting of content in Chromium's preferences
_NARROWEST = 500  # no window of Chromium is narrower
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, for whom Chromium has no sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--lang=en",
)


@contextmanager
def run_browser(
    *, javascript: bool = True, width: int = 1000, height: int = 800, dark: bool = False
) -> Iterator[Chrome]:
    """Run a browser for the time of a block.

    Args:
        javascript: False to run no script of a page.
        width: Width of the page in pixels.
        height: Height of the page.
        dark: True if the reader prefers dark colours.

    Raises:
        ServerUnavailable: The browser or its driver is not installed.
    """
    browser, driver = program(*BROWSERS), program("chromedriver")
    if browser is None or driver is None:
        raise ServerUnavailable(
            "Chromium and its driver are not installed: run `python3 tools/dev.py servers` as "
            "root, or install chromium and chromedriver"
        )
    with tempfile.TemporaryDirectory(
        prefix="photon-browser-", ignore_cleanup_errors=True
    ) as folder:
        options = ChromeOptions()
        options.binary_location = str(browser)
        for argument in (
            *_ARGUMENTS,
            f"--user-data-dir={folder}",
            f"--window-size={width},{height}",
        ):
            options.add_argument(argument)
        if dark:
            options.add_argument("--blink-settings=preferredColorScheme=0")
        if not javascript:
            preferences = {"profile.managed_default_content_settings.javascript": _BLOCKED}
            options.add_experimental_option("prefs", preferences)
        chrome = Chrome(options=options, service=ChromeService(executable_path=str(driver)))
        try:
            chrome.set_page_load_timeout(20)
            if width < _NARROWEST:
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
                chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            yield chrome
        finally:
            chrome.quit()
