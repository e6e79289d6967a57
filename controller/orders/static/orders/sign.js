/* Signs an order in this page with the person's key file. The private key is made in memory, used once, and never
   leaves the page: neither the file nor the passphrase has a name in the form, so neither is ever sent.

   The steps are those of protocol/keyfile.py: PBKDF2-SHA256, AES-256-GCM with the person's name bound, PKCS#8, Ed25519. */

const form = document.getElementById("sign");
const button = document.getElementById("sign-button");
const said = document.getElementById("said");
const MIN_ITERATIONS = 100_000;
const MAX_ITERATIONS = 10_000_000;

class Problem extends Error {}

function say(name, level) {
  said.textContent = document.querySelector(`#sentences [data-say="${name}"]`).textContent;
  said.className = `note ${level}`;
  said.hidden = false;
}

function bytes(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) throw new Problem("notkey");
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

function base64url(data) {
  const text = btoa(String.fromCharCode(...new Uint8Array(data)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function read(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Problem("notkey");
  }
  const known =
    file?.loalang === "key/1" &&
    file.kdf === "PBKDF2-SHA256" &&
    file.cipher === "AES-256-GCM" &&
    Number.isInteger(file.iterations) &&
    file.iterations >= MIN_ITERATIONS &&
    file.iterations <= MAX_ITERATIONS;
  if (!known) throw new Problem("notkey");
  return file;
}

async function open(file, passphrase) {
  const utf8 = new TextEncoder();
  const secret = await crypto.subtle.importKey("raw", utf8.encode(passphrase.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
  const box = await crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt: bytes(file.salt), iterations: file.iterations },
    secret,
    { name: "AES-GCM", length: 256 },
    false,
    ["decrypt"],
  );
  const bound = utf8.encode(`loalang/key/1\n${file.public}\n${file.person}`);
  let pkcs8;
  try {
    pkcs8 = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytes(file.nonce), additionalData: bound },
      box,
      bytes(file.sealed),
    );
  } catch {
    throw new Problem("passphrase");
  }
  try {
    return await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, false, ["sign"]);
  } catch {
    throw new Problem("unsupported");
  } finally {
    new Uint8Array(pkcs8).fill(0);
  }
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

if (!globalThis.isSecureContext || !crypto.subtle) {
  say("insecure", "fault");
} else {
  form.addEventListener("submit", sign);
  button.disabled = false;
}
