/* Registers the public half of a key. The key file is opened here to sign a challenge, which shows that its private half
   is in this person's hand; neither the file nor the passphrase has a name in the form, so neither is ever sent. */

import { Problem, base64url, bytes, hex, open, read, usable } from "./keyfile.js";

const form = document.getElementById("key-form");
const picker = document.getElementById("key-file");
const passphrase = document.getElementById("key-passphrase");
const button = document.getElementById("key-button");
const said = document.getElementById("key-said");
const note = document.getElementById("key-note");

function say(name, level) {
  said.textContent = document.querySelector(`#key-sentences [data-say="${name}"]`).textContent;
  said.className = `note ${level}`;
  said.hidden = false;
}

async function show() {
  note.textContent = "";
  said.hidden = true;
  const chosen = picker.files[0];
  if (!chosen) return;
  try {
    const file = read(await chosen.text());
    note.textContent = `${file.person} · ${file.public}`;
    const label = form.elements.label;
    if (!label.value) label.value = chosen.name.replace(/\.json$/i, "").slice(0, 64);
  } catch {
    say("notkey", "fault");
  }
}

/* As accounts.services.possession has it. */
function possession(file) {
  const { challenge, username } = form.dataset;
  return new TextEncoder().encode(`loalang/possession/1\n${challenge}\n${username}\n${hex(bytes(file.public))}\n`);
}

async function register(event) {
  event.preventDefault();
  const chosen = picker.files[0];
  if (!chosen || !passphrase.value) return say("nofile", "warning");
  button.disabled = true;
  say("working", "waiting");
  try {
    const file = read(await chosen.text());
    const key = await open(file, passphrase.value);
    passphrase.value = "";
    form.elements.public.value = file.public;
    form.elements.named.value = file.person;
    form.elements.proof.value = base64url(await crypto.subtle.sign("Ed25519", key, possession(file)));
    form.submit();
  } catch (problem) {
    say(problem instanceof Problem ? problem.message : "unsupported", "fault");
    button.disabled = false;
  }
}

if (!usable()) {
  say("insecure", "fault");
} else {
  picker.addEventListener("change", show);
  form.addEventListener("submit", register);
  button.disabled = false;
}
