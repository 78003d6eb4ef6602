// Asks once whether the shop may tell what its visitor looks at; the answer stays in the browser,
// and can be changed from the foot of every page.
(() => {
  "use strict";
  const ASKED = "asked";
  const strip = document.querySelector("[data-agree]");
  const again = document.querySelector("[data-agree-again]");
  if (!strip) return;
  const show = (asking) => {
    strip.hidden = !asking;
    again.hidden = asking;
  };
  show(!localStorage.getItem(ASKED));
  again.addEventListener("click", () => {
    show(true);
    strip.querySelector("button").focus();
  });
  strip.addEventListener("click", (event) => {
    const button = event.target.closest("[data-agree-to]");
    if (!button) return;
    localStorage.setItem(ASKED, button.dataset.agreeTo);
    window.storebridge.consent(button.dataset.agreeTo === "yes");
    show(false);
  });
})();
