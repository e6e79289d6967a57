/* Registers the public half of a key: a passkey, a key of this browser, or the key in a file. Each signs a challenge here,
   which shows that its private half is in this person's hand; no private half, file or passphrase is ever sent. */

import { compressed, find, forget, make, sign } from "./devicekeys.js";
import { Problem, base64url, bytes, hex, open, read, usable } from "./keyfile.js";
import { assertion, create } from "./passkeys.js";

const ALGS = { passkey: { 32: -70008, 33: -70007 }, device: { 32: -8, 33: -7 }, file: { 32: -8 } };

const form = document.getElementById("key-form");
const picker = document.getElementById("key-file");
const passphrase = document.getElementById("key-passphrase");
const said = document.getElementById("key-said");
const note = document.getElementById("key-note");
const buttons = [...form.querySelectorAll("[data-way]")];

let made = null; /* a passkey that was made and has not signed yet */

function say(name, level) {
  said.textContent = document.querySelector(`#key-sentences [data-say="${name}"]`).textContent;
  said.className = `note ${level}`;
  said.hidden = false;
}

/* As accounts.services.possession has it. */
function possession(publicKey) {
  const { challenge, username } = form.dataset;
  return new TextEncoder().encode(`loalang/possession/1\n${challenge}\n${username}\n${hex(bytes(publicKey))}\n`);
}

/* The key at the end of a SubjectPublicKeyInfo: an Ed25519 key, or a P-256 point (RFC 8410 §4, RFC 5480 §2.2). */
function rawKey(spki) {
  return base64url(spki.length < 64 ? spki.slice(-32) : compressed(spki.slice(-65)));
}

async function withPasskey() {
  const { account, username, person, console: name, known } = form.dataset;
  say("waiting", "waiting");
  if (!made) {
    const ids = known.split(" ").filter(Boolean).map(bytes);
    const user = { userId: bytes(account), userName: username, displayName: person };
    made = await create({ rpId: location.hostname, rpName: name, ...user, known: ids });
  }
  const publicKey = rawKey(bytes(made.spki));
  const challenge = await crypto.subtle.digest("SHA-256", possession(publicKey));
  const answer = await assertion(challenge, bytes(made.credential), location.hostname).catch(() => {
    throw new Problem("once-more");
  });
  return {
    publicKey,
    credential: made.credential,
    signature: answer.signature,
    authenticator_data: base64url(answer.authenticatorData),
    client_data: base64url(answer.clientDataJSON),
  };
}

async function withDevice() {
  say("working", "waiting");
  const publicKey = await make();
  await navigator.storage?.persist?.();
  return { publicKey, signature: await sign(await find(publicKey), possession(publicKey)) };
}

async function withFile() {
  const chosen = picker.files[0];
  if (!chosen || !passphrase.value) throw new Problem("nofile");
  say("working", "waiting");
  const file = read(await chosen.text());
  const key = await open(file, passphrase.value);
  passphrase.value = "";
  return { publicKey: file.public, named: file.person, signature: await sign(key, possession(file.public)) };
}

const WAYS = { passkey: withPasskey, device: withDevice, file: withFile };

async function register({ currentTarget: button }) {
  const { way } = button.dataset;
  for (const one of buttons) one.disabled = true;
  try {
    const { publicKey, signature, ...more } = await WAYS[way]();
    const filled = { kind: way, public_key: publicKey, signature: base64url(signature), alg: ALGS[way][bytes(publicKey).length], ...more };
    for (const [name, value] of Object.entries(filled)) form.elements[name].value = value;
    form.submit();
  } catch (problem) {
    const name = problem instanceof Problem ? problem.message : "unsupported";
    say(name, ["nofile", "once-more"].includes(name) ? "warning" : "fault");
    for (const one of buttons) one.disabled = false;
  }
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

/* Enter after the passphrase registers the key in the file. */
function enter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  document.getElementById("key-button").click();
}

if (!usable()) {
  say("insecure", "fault");
} else {
  picker.addEventListener("change", show);
  passphrase.addEventListener("keydown", enter);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of buttons) {
    button.addEventListener("click", register);
    button.disabled = false;
  }
  /* A key of this browser that is revoked for good is thrown away here as well. */
  for (const gone of document.querySelectorAll("[data-gone]")) forget(gone.dataset.gone);
}
