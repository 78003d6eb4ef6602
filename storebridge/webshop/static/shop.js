// Asks once whether the shop may tell what its visitor looks at; the answer stays in the browser.
(() => {
  "use strict";
  const ASKED = "asked";
  const strip = document.querySelector("[data-agree]");
  if (!strip || localStorage.getItem(ASKED)) return;
  strip.hidden = false;
  strip.addEventListener("click", (event) => {
    const button = event.target.closest("[data-agree-to]");
    if (!button) return;
    localStorage.setItem(ASKED, button.dataset.agreeTo);
    window.storebridge.consent(button.dataset.agreeTo === "yes");
    strip.hidden = true;
  });
})();
