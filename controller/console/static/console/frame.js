// The frame of every page on a small screen: the part one is in stands in view and the menu shows that it slides; after
// a refused form the cursor is where the first answer is wanted. Without this script both still work by hand.
"use strict";

const menu = document.querySelector("nav.parts");
if (menu) {
  const here = menu.querySelector("[aria-current]");
  if (here) menu.scrollLeft = here.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;
  const edges = () => {
    const hidden = menu.scrollWidth - menu.clientWidth;
    menu.classList.toggle("more-before", menu.scrollLeft > 8);
    menu.classList.toggle("more-after", menu.scrollLeft < hidden - 8);
  };
  menu.addEventListener("scroll", edges, { passive: true });
  window.addEventListener("resize", edges);
  edges();
}

const wrong =
  document.querySelector("[aria-invalid='true']:not([type='hidden'])") || document.querySelector(".errorlist");
if (wrong) {
  const folded = wrong.closest("details");
  if (folded) folded.open = true;
  if (wrong.matches(".errorlist")) wrong.tabIndex = -1;
  wrong.focus({ preventScroll: true });
  wrong.scrollIntoView({ block: "center" });
}
