// Reads the key file here, in the browser, and hands on only the public half: the sealed private key is never sent.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("key-form");
  const picker = document.getElementById("key-file");
  if (!form || !picker) return;
  const note = document.getElementById("key-note");
  const field = (name) => form.querySelector(`[name=${name}]`);

  picker.addEventListener("change", async () => {
    field("public").value = "";
    field("named").value = "";
    const file = picker.files[0];
    if (!file) return;
    try {
      const content = JSON.parse(await file.text());
      if (content.loalang !== "key/1" || typeof content.public !== "string") throw new Error("not a key file");
      field("public").value = content.public;
      field("named").value = content.person;
      note.textContent = `${content.person} · ${content.public}`;
      if (!field("label").value) field("label").value = file.name.replace(/\.json$/i, "").slice(0, 64);
    } catch {
      note.textContent = form.dataset.unreadable;
    }
  });
});
