/* Passkeys (WebAuthn): made and used with the person verified by finger, face or PIN. The private half never leaves the
   authenticator; what it signs is an assertion that names the hash of our bytes as its challenge. */

import { Problem, base64url } from "./keyfile.js";

const EDDSA = -8;
const ES256 = -7;

export function able() {
  return Boolean(globalThis.PublicKeyCredential && navigator.credentials?.get);
}

/* What the authenticator signed: signature, authenticatorData, clientDataJSON. */
export async function assertion(challenge, credential, rpId) {
  if (!able()) throw new Problem("unsupported");
  const asked = { challenge, rpId, allowCredentials: [{ type: "public-key", id: credential }], userVerification: "required" };
  const answer = await navigator.credentials.get({ publicKey: asked }).catch(refused);
  return answer.response;
}

/* A new passkey for this person: its id, and its public key as SubjectPublicKeyInfo (RFC 5280 §4.1). */
export async function create({ rpId, rpName, userId, userName, displayName, known }) {
  if (!able()) throw new Problem("unsupported");
  const wanted = {
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    rp: { id: rpId, name: rpName },
    user: { id: userId, name: userName, displayName },
    pubKeyCredParams: [EDDSA, ES256].map((alg) => ({ type: "public-key", alg })),
    excludeCredentials: known.map((id) => ({ type: "public-key", id })),
    authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
    attestation: "none",
  };
  const made = await navigator.credentials.create({ publicKey: wanted }).catch(refused);
  const spki = made.response.getPublicKey?.();
  if (!spki) throw new Problem("unsupported");
  return { credential: base64url(made.rawId), spki: base64url(spki) };
}

function refused(problem) {
  const names = { InvalidStateError: "already", SecurityError: "address", NotSupportedError: "unsupported" };
  throw new Problem(names[problem.name] ?? "declined");
}
