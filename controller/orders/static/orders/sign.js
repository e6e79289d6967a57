/* Signs an order in this page with the person's key file. Neither the file nor the passphrase has a name in the form, so
   neither is ever sent; how the file is opened stands in accounts/keyfile.js. */

import { Problem, base64url, bytes, open, read, usable } from "../accounts/keyfile.js";

const form = document.getElementById("sign");
const button = document.getElementById("sign-button");
const said = document.getElementById("said");

function say(name, level) {
  said.textContent = document.querySelector(`#sentences [data-say="${name}"]`).textContent;
  said.className = `note ${level}`;
  said.hidden = false;
}

async function sign(event) {
  event.preventDefault();
  const chosen = document.getElementById("keyfile").files[0];
  const passphrase = document.getElementById("passphrase");
  if (!chosen || !passphrase.value) return say("nofile", "warning");
  button.disabled = true;
  say("working", "waiting");
  try {
    const file = read(await chosen.text());
    if (!form.dataset.keys.split(" ").includes(file.public)) throw new Problem("foreign");
    const key = await open(file, passphrase.value);
    passphrase.value = "";
    form.elements.public_key.value = file.public;
    form.elements.signature.value = base64url(await crypto.subtle.sign("Ed25519", key, bytes(form.dataset.tbs)));
    form.submit();
  } catch (problem) {
    say(problem instanceof Problem ? problem.message : "unsupported", "fault");
    button.disabled = false;
  }
}

if (!usable()) {
  say("insecure", "fault");
} else {
  form.addEventListener("submit", sign);
  button.disabled = false;
}
