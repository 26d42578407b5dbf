"use strict";
const button = document.getElementById("copy");
button.hidden = false;
button.addEventListener("click", async () => {
  const text = document.getElementById("text");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch {
    text.closest("details").open = true;
    getSelection().selectAllChildren(text);
    button.textContent = "Selected: copy it";
  }
});
