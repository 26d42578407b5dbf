"""A browser as a person uses it: by what is on the page."""

from __future__ import annotations

from typing import Any

import attrs
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

_TIMEOUT = 20
_CONTROLS = {"button", "link", "textbox", "checkbox", "radio", "combobox", "navigation", "image"}


@attrs.frozen
class Window:
    """The window of a browser."""

    driver: Chrome

    def open(self, url: str) -> None:
        """Load a page."""
        self.driver.get(url)

    def follow(self, text: str) -> None:
        """Click the link or button that begins with a text."""
        name = f"normalize-space(.)='{text}' or starts-with(normalize-space(.), '{text} ')"
        path = f"//main//*[(self::a or self::button) and ({name})]"
        self.driver.find_element(By.XPATH, path).click()

    def fill(self, name: str, text: str) -> None:
        """Replace the text of a field."""
        field = self.driver.find_element(By.NAME, name)
        field.clear()
        field.send_keys(text)

    def value(self, name: str) -> str:
        """Return the text of a field."""
        return str(self.driver.find_element(By.NAME, name).get_property("value"))

    def wait_for(self, selector: str, text: str = "") -> str:
        """Wait for an element with a text; return its text."""

        def found(driver: Any) -> str | None:
            for element in driver.find_elements(By.CSS_SELECTOR, selector):
                if text in element.text:
                    return f" {element.text}"
            return None

        waiting = WebDriverWait(self.driver, _TIMEOUT)
        return str(waiting.until(found, f"{selector} with {text!r}"))[1:]

    def has(self, selector: str) -> bool:
        """Return whether the page has an element."""
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def errors(self) -> list[str]:
        """Return what the browser has reported since, such as violations of the policy.

        The status of a response that is an error is reported, too, and is not in the list.
        """
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        messages = [str(entry["message"]) for entry in entries if entry["level"] == "SEVERE"]
        return [
            message for message in messages if "the server responded with a status" not in message
        ]

    def unnamed_controls(self) -> list[str]:
        """Return the controls of the page that have no accessible name."""
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})
        unnamed = []
        for node in tree["nodes"]:
            role = node.get("role", {}).get("value", "")
            if not node["ignored"] and role in _CONTROLS and not node.get("name", {}).get("value"):
                unnamed.append(role)
        return unnamed

    def resize(self, width: int) -> None:
        """Change the width of the window."""
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def overflow(self) -> int:
        """Return the number of pixels by which the page is wider than the window."""
        layout = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})
        return int(layout["cssContentSize"]["width"] - layout["cssVisualViewport"]["clientWidth"])
