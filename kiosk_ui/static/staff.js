// Keeps the board current: each event of the stream brings the whole of it, already drawn.
// On the pages of stock: finds goods while one types or scans, steps quantities, sends each form once.
const base = document.body.dataset.base;
const RETRY_MS = 5000;

function put(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const focused = document.activeElement?.dataset?.key;
  const opened = [...document.querySelectorAll("details[open]")].map(({ dataset }) => dataset.key);
  document.getElementById("screen").replaceWith(template.content.firstElementChild);
  for (const each of document.querySelectorAll("details")) each.open = opened.includes(each.dataset.key);
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function stale(is) {
  const notice = document.getElementById("stale");
  if (notice) notice.hidden = !is;
}

function listen() {
  const source = new EventSource(`${base}/events`);
  source.addEventListener("show", ({ data }) => put(data));
  source.addEventListener("leave", () => location.assign(base));
  source.onopen = () => stale(false);
  source.onerror = () => {
    stale(true);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  };
}

if (document.querySelector(".board")) listen();

const find = document.getElementById("find");
find?.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\s+/);
  const rows = [...document.querySelectorAll("[data-sought]")];
  for (const row of rows) row.hidden = !words.every((word) => row.dataset.sought.includes(word));
  document.getElementById("nothing").hidden = rows.some((row) => !row.hidden);
});

for (const step of document.querySelectorAll("[data-step]")) {
  step.hidden = false;
  step.addEventListener("click", () => {
    const { parentElement: stepper } = step;
    const input = stepper.querySelector("input");
    const next = Number(input.value || 0) + Number(step.dataset.step);
    input.value = Math.min(Math.max(next, Number(input.min)), Number(input.max));
  });
}

// What is scanned (see burst.js) is looked for where the page says. A number that is typed and not
// saved stays: what was counted would be lost.
document.addEventListener("scan", (event) => {
  const page = document.querySelector("[data-scan]");
  if (!page) return;
  event.preventDefault();
  const fields = [...document.querySelectorAll("form[data-once] input[type=number]")];
  const unsaved = fields.find((field) => field.value !== field.defaultValue);
  if (unsaved) unsaved.form.querySelector("button:not([data-step])").focus();
  else location.assign(`${page.dataset.scan}?find=${encodeURIComponent(event.detail)}`);
});

document.addEventListener("submit", (event) => {
  if (!("once" in event.target.dataset)) return;
  if (event.target.dataset.once === "sent") event.preventDefault();
  event.target.dataset.once = "sent";
});
// A page that the browser brings back from its memory may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-once]")) form.dataset.once = "";
});
