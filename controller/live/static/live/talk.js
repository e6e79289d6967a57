/* The button: microphone → Opus (WebCodecs) → groups signed with the session's key → WebSocket.

   While the button is out, empty groups say that the page is still there; a page that is gone is silence after 5 s. */

import { find, forget } from "../accounts/devicekeys.js";
import { bytes } from "../accounts/keyfile.js";
import { Groups } from "./group.js";

const box = document.getElementById("talk");
const button = document.getElementById("talk-button");
const level = document.getElementById("talk-level");
const listening = document.getElementById("talk-listening");
const said = document.getElementById("talk-said");
const end = document.getElementById("end");
const data = box.dataset;
const FRAME_MS = Number(data.frame);
const RATE = Number(data.rate);
const PER_GROUP = Number(data.frames);
const HOLD_MS = 600;
const KEEP_ALIVE_MS = 1000;
const AGAIN_MS = 1000;
const WARM_MS = Number(data.warm); /* amplifiers that were dark settle: what is said meanwhile is not heard */
const COLD_MS = 2000; /* after so much silence they may be dark again */

let socket, groups, context, encoder;
let next = Number(data.first);
let waiting = [];
let sending = Promise.resolve();
let speaking = false;
let over = false;
let warmAt = 0;
let looking;
let pausedAt = -COLD_MS;

function say(name, kind = "fault") {
  said.hidden = !name;
  if (!name) return;
  said.textContent = box.querySelector(`[data-say="${name}"]`).textContent;
  said.className = `note ${kind}`;
}

/* One after another: signing takes its time, and groups must leave in their order. */
function send(frames, last = false) {
  const first = next;
  next += frames.length;
  sending = sending.then(async () => {
    const group = await groups.signed(first, frames, last);
    if (socket.readyState === WebSocket.OPEN) socket.send(group);
  });
  return sending;
}

function connect() {
  const url = new URL(data.socket, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    button.disabled = !groups;
    if (groups) say("");
  };
  socket.onmessage = ({ data: text }) => (listening.textContent = JSON.parse(text).listening);
  socket.onclose = ({ code }) => {
    if (over || code === 1000 || code === 4404) return finish();
    if (groups) say("lost");
    setTimeout(connect, AGAIN_MS);
  };
}

function finish() {
  over = true;
  pause();
  context?.close();
  context = undefined;
  button.disabled = true;
  forget(data.key);
  say("over", "info");
}

async function open() {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true },
  });
  context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
  const options = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit", processorOptions: { samples: (RATE * FRAME_MS) / 1000 } };
  const capture = new AudioWorkletNode(context, "capture", options);
  encoder = new AudioEncoder({ output: encoded, error: () => say("unsupported") });
  encoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1, bitrate: Number(data.bitrate), opus: { frameDuration: FRAME_MS * 1000, application: "voip", signal: "voice" } });
  let samples = 0;
  capture.port.onmessage = ({ data: frame }) => {
    level.value = Math.max(level.value * 0.9, ...[0, 1].map((sign) => frame.reduce((most, one) => Math.max(most, sign ? one : -one), 0)));
    if (!speaking) return;
    const sound = new AudioData({ format: "f32", sampleRate: RATE, numberOfFrames: frame.length, numberOfChannels: 1, timestamp: (samples * 1e6) / RATE, data: frame });
    samples += frame.length;
    encoder.encode(sound);
    sound.close();
  };
  context.createMediaStreamSource(stream).connect(capture);
  await context.resume();
}

function encoded(chunk) {
  const frame = new Uint8Array(chunk.byteLength);
  chunk.copyTo(frame);
  waiting.push(frame);
  if (waiting.length >= PER_GROUP) send(waiting.splice(0));
}

async function speak() {
  if (over) return;
  try {
    if (!context) await open();
  } catch {
    return say("microphone");
  }
  say("");
  speaking = true;
  if (performance.now() - pausedAt >= COLD_MS) warmAt = performance.now() + WARM_MS;
  show();
}

function pause() {
  if (speaking) pausedAt = performance.now();
  speaking = false;
  if (waiting.length && groups) send(waiting.splice(0));
  show();
}

/* A timer may fire a fraction of a millisecond early: it looks again, until the amplifiers are warm. */
function show() {
  const left = warmAt - performance.now();
  const warm = left <= 0;
  clearTimeout(looking);
  if (speaking && !warm) looking = setTimeout(show, Math.ceil(left));
  button.setAttribute("aria-pressed", String(speaking));
  button.querySelector("[data-idle]").hidden = speaking;
  button.querySelector("[data-warming]").hidden = !speaking || warm;
  button.querySelector("[data-speaking]").hidden = !speaking || !warm;
}

/* Pressed shortly it stays in until it is pressed again; held down it is out when it is let go. */
let since = 0;
button.addEventListener("pointerdown", () => {
  since = speaking ? 0 : performance.now();
  if (!speaking) speak();
});
button.addEventListener("click", ({ detail }) => {
  const held = since && performance.now() - since > HOLD_MS;
  if (detail === 0 && !speaking) speak();
  else if (!since || held || detail === 0) pause();
});

end?.addEventListener("submit", async (event) => {
  if (over || !groups) return;
  event.preventDefault();
  pause();
  over = true;
  await Promise.race([send([], true), new Promise((done) => setTimeout(done, 500))]);
  forget(data.key);
  end.submit();
});

setInterval(() => {
  if (groups && !speaking && !over && socket.readyState === WebSocket.OPEN) send([]);
}, KEEP_ALIVE_MS);
setTimeout(finish, Number(data.left));

/* Where nobody can speak, the page still says how many listen, and when it is over. */
async function start() {
  if (!window.isSecureContext || !("AudioEncoder" in window)) say("unsupported");
  else await take();
  connect();
}

async function take() {
  let key;
  try {
    key = await find(data.key);
  } catch {
    return say("elsewhere");
  }
  const kid = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(data.key))).slice(0, 4);
  const session = Uint8Array.from(data.session.match(/../g), (pair) => parseInt(pair, 16));
  groups = new Groups({ session, key, kid, province: data.province, environment: data.environment, family: Number(data.family) });
}

start();
