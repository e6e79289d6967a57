/* Keys that live in this browser: made by WebCrypto, not exportable, kept in IndexedDB as objects that can only sign.

   Ed25519 where the browser can make and keep it, else P-256 (ES256). */

import { Problem, base64url } from "./keyfile.js";

const DATABASE = "loalang-keys";
const STORE = "keys";
const KINDS = [
  { name: "Ed25519", make: { name: "Ed25519" }, sign: { name: "Ed25519" } },
  { name: "ECDSA", make: { name: "ECDSA", namedCurve: "P-256" }, sign: { name: "ECDSA", hash: "SHA-256" } },
];

function wait(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

async function store(mode, act) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await wait(opening);
  try {
    return await wait(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/* The private key whose public half this is (base64url), if this browser has it; a Problem otherwise. */
export async function find(publicKey) {
  const key = await store("readonly", (keys) => keys.get(publicKey)).catch(() => undefined);
  if (!key) throw new Problem("elsewhere");
  return key;
}

export async function has(publicKey) {
  return find(publicKey).then(() => true, () => false);
}

export async function sign(key, message) {
  const kind = KINDS.find(({ name }) => name === key.algorithm.name);
  return crypto.subtle.sign(kind.sign, key, message);
}

/* A fresh key of one of these kinds, the first that works, kept here; its public half in base64url. */
export async function make(names = KINDS.map(({ name }) => name)) {
  for (const kind of KINDS.filter(({ name }) => names.includes(name))) {
    try {
      const pair = await crypto.subtle.generateKey(kind.make, false, ["sign", "verify"]);
      const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
      const publicKey = base64url(raw.length === 65 ? compressed(raw) : raw);
      await store("readwrite", (keys) => keys.put(pair.privateKey, publicKey));
      await sign(await find(publicKey), new Uint8Array(1));
      return publicKey;
    } catch {
      /* the next kind */
    }
  }
  throw new Problem("unsupported");
}

export async function forget(publicKey) {
  await store("readwrite", (keys) => keys.delete(publicKey)).catch(() => undefined);
}

/* A point as SEC 1 §2.3.3 writes it in 33 bytes. */
export function compressed(point) {
  const short = point.slice(0, 33);
  short[0] = 2 + (point[64] & 1);
  return short;
}
