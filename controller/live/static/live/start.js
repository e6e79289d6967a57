/* Makes the session's key when the form is sent: it lives in this browser, signs what is said, and nothing else. */

import { make } from "../accounts/devicekeys.js";

const form = document.getElementById("speak");
const said = document.getElementById("speak-said");
const able = window.isSecureContext && "AudioEncoder" in window && "AudioWorkletNode" in window && navigator.mediaDevices;

if (!able) said.hidden = false;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    form.elements.key.value = await make(["Ed25519"]);
    form.submit();
  } catch {
    said.hidden = false;
  }
});

const boxes = document.getElementById("boxes");
const each = () => [...boxes.querySelectorAll("[name=boxes]")];

function count() {
  const shown = document.getElementById("boxes-chosen");
  if (shown) shown.textContent = each().filter((box) => box.checked).length;
}

boxes.addEventListener("change", count);
boxes.addEventListener("htmx:afterSwap", count);
boxes.addEventListener("click", ({ target }) => {
  const choose = target.dataset.choose;
  if (!choose) return;
  for (const box of each()) box.checked = choose === "all";
  count();
});
count();
