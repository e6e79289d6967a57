/* A VoiceGroup in COSE_Sign1, signed with the session's key (protocol/README §3, §7). */

import { sign } from "../accounts/devicekeys.js";

const BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5;

function join(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/* The head of an item in the shortest form (RFC 8949 §4.2.1). */
function head(major, value) {
  const first = major << 5;
  if (value < 24) return Uint8Array.of(first | value);
  if (value < 0x100) return Uint8Array.of(first | 24, value);
  if (value < 0x10000) return Uint8Array.of(first | 25, value >> 8, value & 255);
  return Uint8Array.of(first | 26, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

const bstr = (data) => join(head(BYTES, data.length), data);
const tstr = (text) => {
  const data = new TextEncoder().encode(text);
  return join(head(TEXT, data.length), data);
};
const array = (...items) => join(head(ARRAY, items.length), ...items);
const uint = (value) => head(0, value);

export class Groups {
  /* `session` is 16 bytes, `key` the private key, `kid` the first 4 bytes of the SHA-256 of its public half. */
  constructor({ session, key, kid, province, environment, family }) {
    this.session = bstr(session);
    this.key = key;
    this.kid = kid;
    this.protected = bstr(join(head(MAP, 2), uint(1), Uint8Array.of(0x27), uint(16), uint(family)));
    this.aad = bstr(array(tstr("loalang"), uint(1), tstr(province), tstr(environment), uint(family)));
  }

  async signed(first, frames, last) {
    const payload = bstr(array(this.session, uint(first), array(...frames.map(bstr)), Uint8Array.of(last ? 0xf5 : 0xf4)));
    const signature = await sign(this.key, array(tstr("Signature1"), this.protected, this.aad, payload));
    const kid = join(head(MAP, 1), uint(4), bstr(this.kid));
    return join(Uint8Array.of(0xd2), array(this.protected, kid, payload, bstr(new Uint8Array(signature))));
  }
}
