// Keeps the staff page current: each event of the stream brings the whole board, already drawn.
const base = document.body.dataset.base;
const RETRY_MS = 5000;

function put(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const table = document.querySelector(".scroll");
  const scrolled = table?.scrollTop ?? 0;
  const focused = document.activeElement?.dataset?.key;
  const opened = [...document.querySelectorAll("details[open]")].map(({ dataset }) => dataset.key);
  document.getElementById("screen").replaceWith(template.content.firstElementChild);
  const again = document.querySelector(".scroll");
  if (again) again.scrollTop = scrolled;
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
