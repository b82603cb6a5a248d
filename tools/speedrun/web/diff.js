"use strict";
// Two buttons: code in one or two columns, and all folds open or closed. Without this script the page is whole.

const bar = document.querySelector(".bar");

if (bar) {
  const layout = document.getElementById("layout");
  const folds = document.getElementById("folds");
  const all = [...document.querySelectorAll("#lines details")];

  layout.addEventListener("click", () => {
    layout.setAttribute("aria-pressed", String(document.body.classList.toggle("one")));
  });

  const name = () => {
    folds.textContent = all.some((fold) => !fold.open) ? "open all" : "close all";
  };
  folds.addEventListener("click", () => {
    const open = all.some((fold) => !fold.open);
    for (const fold of all) fold.open = open;
    name();
  });

  bar.hidden = false;
  name();
}

// A link to a class or function opens its fold.
const reveal = () => {
  const fold = document.getElementById(window.location.hash.slice(1));
  if (fold instanceof HTMLDetailsElement) fold.open = true;
};
window.addEventListener("hashchange", reveal);
reveal();
