/* Opens a person's key file in this page. The private key is made in memory, cannot be exported, and never leaves it.

   The steps are those of protocol/keyfile.py: PBKDF2-SHA256, AES-256-GCM with the person's name bound, PKCS#8, Ed25519. */

const MIN_ITERATIONS = 100_000;
const MAX_ITERATIONS = 10_000_000;

/* What the person can do something about; the message is the name of its sentence on the page. */
export class Problem extends Error {}

/* Whether this page may use keys at all: browsers allow it on https and on localhost only. */
export function usable() {
  return Boolean(globalThis.isSecureContext && crypto.subtle);
}

export function bytes(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) throw new Problem("notkey");
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

export function base64url(data) {
  const text = btoa(String.fromCharCode(...new Uint8Array(data)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function read(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Problem("notkey");
  }
  const known =
    file?.loalang === "key/1" &&
    typeof file.public === "string" &&
    typeof file.person === "string" &&
    file.kdf === "PBKDF2-SHA256" &&
    file.cipher === "AES-256-GCM" &&
    Number.isInteger(file.iterations) &&
    file.iterations >= MIN_ITERATIONS &&
    file.iterations <= MAX_ITERATIONS;
  if (!known) throw new Problem("notkey");
  return file;
}

/* The key in the file, good for signing alone. */
export async function open(file, passphrase) {
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
