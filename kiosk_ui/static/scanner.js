// Posts what a scanner typed into this page (see burst.js) to the store, as a scan like every other.
// For screens whose machine cannot read the scanner itself.
const base = document.body.dataset.base;
// A code that cannot be posted is tried again; so many may wait, so long. Then it is scanned anew.
const WAITING_MAX = 20;
const RETRY_MS = 500;
const AGE_MS_MAX = 5000;
const ANSWER_MS_MAX = 2000;
const waiting = [];
let posting = false;

document.addEventListener("scan", (event) => {
  event.preventDefault();
  const { detail: code } = event;
  if (waiting.length >= WAITING_MAX) return;
  const once = crypto.getRandomValues(new Uint32Array(4)).join("-");
  waiting.push({ code, once, until: performance.now() + AGE_MS_MAX });
  if (!posting) postAll();
});

async function postAll() {
  posting = true;
  while (waiting.length) {
    const { code, once, until } = waiting[0];
    const { token } = document.querySelector("[data-token]").dataset;
    const body = new URLSearchParams({ token, code, once });
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const answer = await fetch(`${base}/scan`, { method: "POST", body, signal }).catch(() => null);
    // A page that is too old: the whole page anew brings a new form.
    if (answer?.status === 403) location.assign(base);
    if ((!answer || answer.status >= 500) && performance.now() < until) {
      await new Promise((go) => { setTimeout(go, RETRY_MS); });
    } else {
      waiting.shift();
    }
  }
  posting = false;
}
