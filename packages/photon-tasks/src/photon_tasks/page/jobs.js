// Loads the page again while it is looked at, and replaces what has changed.
"use strict";

const live = document.getElementById("live");
const delay = () => 1000 * (Number(document.body.dataset.refresh) || 2);

// A person who is about to press a button, or selects text, must not lose it.
function isBusy() {
  const active = document.activeElement;
  return Boolean(
    document.querySelector("details.ask[open]") ||
      (active && ["SELECT", "INPUT"].includes(active.tagName)) ||
      String(getSelection()),
  );
}

async function refresh() {
  if (document.hidden || isBusy()) return;
  try {
    // The field keeps the requests of an open page out of the log.
    const headers = { accept: "text/html", "x-photon-refresh": "1" };
    const response = await fetch(location.href, { headers });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const current = document.querySelector("main");
    const next = page.querySelector("main");
    if (!next || isBusy()) return;
    if (next.innerHTML !== current.innerHTML) current.innerHTML = next.innerHTML;
    document.title = page.title;
    document.body.dataset.refresh = page.body.dataset.refresh;
    live.textContent = "live";
    live.classList.remove("lost");
  } catch {
    live.textContent = "not connected";
    live.classList.add("lost");
  }
}

async function run() {
  await refresh();
  setTimeout(run, delay());
}

setTimeout(run, delay());
document.addEventListener("visibilitychange", refresh);
