/* The signing kit (accounts/sign_with.html): signs what the page names with a key of the person, then sends the form.

   A passkey signs on the authenticator, a key of this browser in WebCrypto, a key file in keyfile.js; neither a file nor a
   passphrase has a name in the form, so neither is ever sent. The server brings ES256 to its one spelling. */

import { find, has, sign as signHere } from "./devicekeys.js";
import { Problem, base64url, bytes, open, read, usable } from "./keyfile.js";
import { assertion } from "./passkeys.js";

const form = document.getElementById("signing");
const said = document.getElementById("signing-said");
const buttons = [...form.querySelectorAll("[data-sign]")];

function say(name, level) {
  said.textContent = form.querySelector(`[data-say="${name}"]`).textContent;
  said.className = `note ${level}`;
  said.hidden = false;
}

async function withPasskey({ dataset }) {
  say("waiting", "waiting");
  return assertion(bytes(dataset.challenge), bytes(dataset.credential), dataset.rpId);
}

async function withDevice({ dataset }) {
  const key = await find(dataset.publicKey);
  return { signature: await signHere(key, bytes(dataset.signed)) };
}

async function withFile() {
  const chosen = document.getElementById("signing-key-file").files[0];
  const passphrase = document.getElementById("signing-passphrase");
  if (!chosen || !passphrase.value) throw new Problem("nofile");
  say("working", "waiting");
  const file = read(await chosen.text());
  const named = [...form.querySelectorAll("[data-key-file]")].find(({ dataset }) => dataset.publicKey === file.public);
  if (!named) throw new Problem("foreign");
  const key = await open(file, passphrase.value);
  passphrase.value = "";
  return { signature: await signHere(key, bytes(named.dataset.signed)), dataset: named.dataset };
}

const WAYS = { passkey: withPasskey, device: withDevice, file: withFile };

async function sign({ currentTarget: button }) {
  if (!form.reportValidity()) return;
  const ready = buttons.filter(({ disabled }) => !disabled);
  for (const one of ready) one.disabled = true;
  try {
    const answer = await WAYS[button.dataset.sign](button);
    const { publicKey, alg } = answer.dataset ?? button.dataset;
    const fields = form.elements;
    fields.public_key.value = publicKey;
    fields.alg.value = alg;
    fields.signature.value = base64url(answer.signature);
    fields.authenticator_data.value = answer.authenticatorData ? base64url(answer.authenticatorData) : "";
    fields.client_data.value = answer.clientDataJSON ? base64url(answer.clientDataJSON) : "";
    form.submit();
  } catch (problem) {
    say(problem instanceof Problem ? problem.message : "unsupported", problem.message === "nofile" ? "warning" : "fault");
    for (const one of ready) one.disabled = false;
  }
}

/* A key of another browser or address is shown, but cannot be pressed; its title says why. */
async function offer(button) {
  const { sign: kind, publicKey, rpId } = button.dataset;
  const host = location.hostname;
  const why =
    kind === "device" && !(await has(publicKey)) ? "elsewhere" : kind === "passkey" && host !== rpId && !host.endsWith(`.${rpId}`) ? "address" : "";
  button.disabled = Boolean(why);
  if (why) button.title = form.querySelector(`[data-say="${why}"]`).textContent;
}

/* Enter after the passphrase signs; it does not send the form as it stands. */
function enter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  document.getElementById("signing-file-button").click();
}

if (!usable()) {
  say("insecure", "fault");
} else {
  for (const button of buttons) {
    button.addEventListener("click", sign);
    offer(button);
  }
  document.getElementById("signing-passphrase")?.addEventListener("keydown", enter);
}
