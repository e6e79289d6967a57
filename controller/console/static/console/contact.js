// What a page shows must not look fresh when it is not. A live part that the server no longer answers keeps its last
// state on the screen: without this script an officer would go on reading green. A part is stale when a request of its
// failed, or when its last good answer is older than three of its polls (a server that hangs, a laptop that slept).
// The bar names the server's own time of the last good answer; it goes away when every part is answered again.
"use strict";

const POLLS_MISSED = 3;
const LOOK_EVERY_MS = 1000;
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Ho_Chi_Minh", timeStyle: "medium" });

const parts = new Map(); // element -> { good: when the page was told last, on two clocks; failed }
const bar = document.getElementById("lost");
const rendered = Number(document.body.dataset.rendered) * 1000 || Date.now();

// The wall clock may be set, the other one stands still while a laptop sleeps: the greater age counts.
const instant = (server) => ({ wall: Date.now(), running: performance.now(), server });
const ageMs = (then) => Math.max(Date.now() - then.wall, performance.now() - then.running);

function periodMs(element) {
  const every = /every\s+(\d+(?:\.\d+)?)(ms|s)/.exec(element.getAttribute("hx-trigger") || "");
  return every ? Number(every[1]) * (every[2] === "s" ? 1000 : 1) : null;
}

function partOf(element) {
  if (!parts.has(element)) parts.set(element, { good: instant(rendered), failed: false });
  return parts.get(element);
}

function look() {
  document.querySelectorAll("[hx-trigger*='every']").forEach(partOf);
  const lost = [];
  for (const [element, part] of parts) {
    if (!element.isConnected) {
      parts.delete(element);
      continue;
    }
    const period = periodMs(element);
    const stale = part.failed || (period !== null && ageMs(part.good) > POLLS_MISSED * period);
    element.classList.toggle("stale", stale);
    if (stale) lost.push(part.good.server);
  }
  document.body.classList.toggle("lost-contact", lost.length > 0);
  if (lost.length > 0) say(bar.dataset.sentence.replace("{time}", CLOCK.format(Math.min(...lost))));
  else say("");
}

function say(sentence) {
  if (bar.textContent !== sentence) bar.textContent = sentence; // set anew it would be read aloud anew
  bar.hidden = sentence === "";
}

function failed(event) {
  const element = event.detail.elt;
  const answered = event.type === "htmx:responseError";
  if (answered && periodMs(element) === null) return; // a refusal is an answer
  partOf(element).failed = true;
  look();
}

document.body.addEventListener("htmx:sendError", failed);
document.body.addEventListener("htmx:timeout", failed);
document.body.addEventListener("htmx:responseError", failed);
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  const part = partOf(event.detail.elt);
  part.good = instant(Date.parse(event.detail.xhr.getResponseHeader("Date")) || Date.now());
  part.failed = false;
  look();
});

look();
setInterval(look, LOOK_EVERY_MS);
