// An alarm's own words: how many characters are left stands under the field while one writes, and where a prepared
// message is chosen the fields for words are out of the way. Without this script all is there, and the server counts.
"use strict";

const field = document.querySelector("textarea[data-counted]");
const tidied = (text) => text.normalize("NFC").trim().replace(/\s+/gu, " "); // as `composing.tidied`
const length = (text) => [...tidied(text)].length;

if (field) {
  const most = Number(field.dataset.counted);
  const room = Number(field.dataset.room || Infinity); // bytes that the order and its signatures leave
  const count = document.createElement("output");
  count.className = "helptext";
  count.htmlFor = field.id;
  field.after(count);
  const show = () => {
    const now = length(field.value);
    const heavy = new TextEncoder().encode(tidied(field.value)).length > room;
    count.textContent = `${now}/${most}${heavy ? ` · ${field.dataset.heavy}` : ""}`;
    count.classList.toggle("over", heavy || now > most);
  };
  field.addEventListener("input", show);
  show();
}

const choices = document.querySelectorAll("input[type='radio'][name='message']");
if (field && choices.length) {
  const own = choices[choices.length - 1]; // the last choice is one's own words
  const parts = [field, document.querySelector("[name='event']")].map((part) => part.closest("div"));
  const fold = () => parts.forEach((part) => (part.hidden = !own.checked && length(field.value) === 0));
  choices.forEach((choice) => choice.addEventListener("change", fold));
  fold();
}
