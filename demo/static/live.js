"use strict";
// Keeps an open page current. A message about a board says that something has changed and never what:
// the server renders the page again, and the parts of it that differ are replaced. A message about a
// job has its progress. Without this script the page
// stays as it was when it was loaded, and everything else works.
(() => {
  const { url, latest } = document.currentScript.dataset;
  const status = document.getElementById("people");
  const person = Math.random().toString(36).slice(2); // this window, also when it connects again
  let last = latest; // the id of the newest change that the page shows
  let socket, timer;
  let failures = 0;
  let isHidden = false; // the browser keeps the page for its back button
  let isLoading = false;
  let pending = null; // the id of a change that the page does not show yet

  function connect() {
    clearTimeout(timer);
    const address = new URL(url, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.search = new URLSearchParams({ person, after: last });
    socket = new WebSocket(address);
    socket.onmessage = (event) => {
      failures = 0;
      receive(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (isHidden) return;
      status.textContent = "Not connected: the page may be out of date";
      failures += 1;
      timer = setTimeout(connect, Math.random() * Math.min(500 * 2 ** failures, 15000));
    };
  }

  function receive(message) {
    if (message.type === "people") {
      status.textContent = message.count === 1 ? "1 person here" : `${message.count} people here`;
    } else if (message.type === "progress") {
      showProgress(message);
    } else {
      pending = message.id; // of a change, or of a gap: changes that the server does not remember
      if (!isLoading) load();
    }
  }

  function showProgress({ job, title, done, total }) {
    let line = document.getElementById(`job-${job}`);
    if (!line) {
      line = document.createElement("label");
      line.id = `job-${job}`;
      line.append(document.createElement("span"), document.createElement("progress"));
      document.getElementById("jobs").append(line);
    }
    const [text, bar] = line.children;
    text.textContent = done < total ? `${title}: ${done} of ${total}` : `${title}: done`;
    bar.max = total || 1;
    bar.value = total ? done : 1;
    clearTimeout(line.timer); // a job that says nothing for long is over, or its server is
    line.timer = setTimeout(() => line.remove(), done < total ? 30000 : 5000);
  }

  async function load() {
    isLoading = true;
    while (pending) {
      const id = pending;
      pending = null;
      const response = await fetch(location.href, { headers: { "HX-Request": "true" } }).catch(() => null);
      if (response?.ok) {
        show(await response.text());
        last = id;
      } else if (response?.status === 404) {
        location.reload(); // what the page shows was removed
      } else {
        pending ??= id;
        await new Promise((resume) => setTimeout(resume, 1000 + Math.random() * 2000));
      }
    }
    isLoading = false;
  }

  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const region of document.querySelectorAll("[data-live]")) {
      const current = page.getElementById(region.id);
      if (!current || current.innerHTML === region.innerHTML) continue;
      const focused = region.contains(document.activeElement) ? document.activeElement : null;
      const known = new Set(cards(region).map(content));
      region.replaceChildren(...current.childNodes);
      for (const card of cards(region)) card.classList.toggle("changed", !known.has(content(card)));
      if (focused) counterpart(region, focused)?.focus();
    }
  }

  const cards = (region) => [...region.querySelectorAll("[data-card]")];
  const content = (card) => card.dataset.card + card.innerHTML;
  const target = (element) => element.getAttribute("href") ?? element.value;

  function counterpart(region, old) {
    return [...region.querySelectorAll(old.localName)].find((each) => target(each) === target(old));
  }

  window.addEventListener("pagehide", () => {
    isHidden = true;
    clearTimeout(timer);
    socket.close();
  });
  window.addEventListener("pageshow", (event) => {
    isHidden = false;
    if (event.persisted) connect();
  });
  connect();
})();
