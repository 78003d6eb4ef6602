// Keeps the till's screen current: each event of the stream brings the whole of it, already drawn.
const base = document.body.dataset.base;
const RETRY_MS = 3000;

function put(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  document.getElementById("screen").replaceWith(template.content.firstElementChild);
}

function listen() {
  const source = new EventSource(`${base}/events`);
  source.addEventListener("show", ({ data }) => put(data));
  source.onopen = () => { document.getElementById("stale").hidden = true; };
  source.onerror = () => {
    document.getElementById("stale").hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS * (0.5 + Math.random()));
  };
}

listen();
