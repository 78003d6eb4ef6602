// Swaps the fragments that the store draws, keeps the stream open, and confirms what was painted.
// Without this script every page still works, by plain links and forms.
const base = document.body.dataset.base;
const RETRY_MS = 3000;
const ANSWER_MS_MAX = 8000;
// How long a page without a visit may stand untouched before the kiosk invites the next one.
const IDLE_MS = { ended: 12000, answered: 12000, error: 30000 };
const IDLE_MS_OTHERWISE = 90000;

const SETTLED_MS = 2000;
// A shorter look at a video is none; and so often the store is told that one is playing.
const WATCHED_MS_MIN = 1000;
const WATCHING_MS = 5000;
// The end of a visit waits so long for what was watched in it.
const TOLD_MS_MAX = 1000;

const offersSeen = new Set();
const filmsTold = new WeakSet();
let screen = document.getElementById("screen");
let touchedAt = performance.now();
let busy = false;
let settling = 0;
let watchingAt = -Infinity;
let searched = "";
let opened = "";
let closed = null;
// How often the store took the screen over, and for which visit: newer than any answer under way.
let pushes = 0;
let pushedVisit = "";

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function put(next, { stay = isSame(next, screen) } = {}) {
  settle(next.dataset.page);
  const resume = keepFilm(next);
  // What was answered to a code has been seen, once its shopper goes on to another page.
  if (!stay && answerOf(next) === answerOf(screen)) next.querySelector("#answer").replaceChildren();
  if (answerOf(next) === closed) next.querySelector("#answer").replaceChildren();
  const scrolled = document.getElementById("reach").scrollTop;
  const focused = document.activeElement?.closest("[data-tap]")?.dataset.tap;
  next.classList.toggle("screen--still", stay || next.dataset.page === screen.dataset.page);
  screen.replaceWith(next);
  screen = next;
  resume();
  const reach = document.getElementById("reach");
  if (stay) reach.scrollTop = scrolled;
  const again = stay && focused && next.querySelector(`[data-tap="${CSS.escape(focused)}"]`);
  (again || reach).focus({ preventScroll: true });
  document.documentElement.lang = next.lang;
  history.replaceState(null, "", next.dataset.path);
  painted();
}

function isSame(one, other) {
  return ["page", "path", "visit"].every((name) => one.dataset[name] === other.dataset[name]);
}

function answerOf(shown) {
  return shown.dataset.mark.split(".")[1];
}

async function open(url, form) {
  if (busy) return;
  busy = true;
  const before = pushes;
  screen.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form ? new URLSearchParams(new FormData(form)) : undefined,
      headers: { "X-Fragment": "1" },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    // A form that is too old: the whole page anew brings a new one.
    if (response.status === 403) location.assign(base);
    const next = parse(await response.text());
    if (next?.id !== "screen") return;
    put(next);
  } catch {
    // The store itself did not answer; the page stays as it is, and a later tap tries again.
  } finally {
    busy = false;
    screen.removeAttribute("aria-busy");
    // Nobody's page may stay, or come back late, after their visit was seen to end.
    if (pushes !== before && screen.dataset.visit !== pushedVisit) await refresh();
  }
}

function confirm(kind, fields) {
  const { token, visit, page } = screen.dataset;
  const body = new URLSearchParams({ token, visit, page, kind, ...fields });
  return fetch(`${base}/seen`, { method: "POST", body, keepalive: true }).catch(() => {});
}

function painted() {
  const shown = screen;
  const { page, path, subject, visit } = shown.dataset;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (shown !== screen || document.hidden) return;
    // An act on a product's page draws it again, but nobody opens it a second time.
    const again = opened === `${visit} ${path}`;
    opened = `${visit} ${path}`;
    for (const play of shown.querySelectorAll("[data-play]")) play.hidden = false;
    confirm("page", { product: page === "product" && !again ? subject : "" });
    search();
    for (const offer of shown.querySelectorAll("[data-offer]")) offersInView.observe(offer);
  }));
}

// A search counts once its shopper rests, or opens something of what it found.
function search() {
  const { page, subject } = screen.dataset;
  if (page !== "search" || !subject || subject === searched) return;
  settling = setTimeout(settle, SETTLED_MS, "");
}

function settle(next) {
  if (!settling) return;
  clearTimeout(settling);
  settling = 0;
  if (next === "search") return;
  searched = screen.dataset.subject;
  confirm("search", { query: searched });
}

// How much of a video was seen counts once its shopper goes on to something else.
function watched() {
  const film = screen.querySelector("video");
  if (!film || filmsTold.has(film)) return;
  let seen = 0;
  for (let n = 0; n < film.played.length; n += 1) seen += film.played.end(n) - film.played.start(n);
  const ms = (seconds) => (Number.isFinite(seconds) ? Math.round(seconds * 1000) : 0);
  if (ms(seen) < WATCHED_MS_MIN) return;
  filmsTold.add(film);
  const { content } = film.dataset;
  return confirm("watched", { product: screen.dataset.subject, content, watched_ms: ms(seen), length_ms: ms(film.duration) });
}

// A page that is drawn again, after a tap on it, lets its video play on.
function keepFilm(next) {
  const [old, fresh] = [screen.querySelector("video"), next.querySelector("video")];
  const same = old && fresh && old.dataset.content === fresh.dataset.content;
  if (!same || screen.dataset.visit !== next.dataset.visit && screen.dataset.visit) {
    watched();
    return () => {};
  }
  const playing = !old.paused && !old.ended;
  fresh.replaceWith(old);
  return () => { if (playing) old.play().catch(() => {}); };
}

// Whoever watches is here: neither the page nor the visit ends in the midst of it.
document.addEventListener("timeupdate", () => {
  touchedAt = performance.now();
  if (!screen.dataset.visit || touchedAt - watchingAt < WATCHING_MS) return;
  watchingAt = touchedAt;
  confirm("watching", {});
}, true);
addEventListener("pagehide", watched);

const offersInView = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const { coupon } = target.dataset;
    const key = `${screen.dataset.visit} ${screen.dataset.page} ${coupon}`;
    if (!isIntersecting || !screen.contains(target) || offersSeen.has(key)) continue;
    offersInView.unobserve(target);
    offersSeen.add(key);
    confirm("offer", { coupon });
  }
}, { threshold: 0.6 });

function listen() {
  const mark = encodeURIComponent(screen.dataset.mark);
  const source = new EventSource(`${base}/events?mark=${mark}`);
  const on = (name, act) => source.addEventListener(name, ({ data, lastEventId }) => {
    if (name !== "line" && lastEventId === screen.dataset.mark) return;
    act(data);
    screen.dataset.mark = lastEventId;
  });
  on("show", (html) => {
    const next = parse(html);
    const ended = screen.dataset.visit && !next.dataset.visit;
    pushes += 1;
    pushedVisit = next.dataset.visit;
    // An act under way (end, ordinary) brings its own page; see the end of `open`.
    if (ended && busy) return;
    put(next);
    if (ended) location.assign(`${base}?fresh`);
  });
  const renew = (html) => {
    const home = ["attract", "browsing", "welcome"].includes(screen.dataset.page);
    if (home) put(parse(html), { stay: true });
    return home;
  };
  on("content", renew);
  on("news", (html) => { document.getElementById("badge").hidden = renew(html); });
  on("answer", (html) => {
    document.getElementById("answer").innerHTML = html;
    document.getElementById("reach").scrollTop = 0;
  });
  on("line", (html) => document.getElementById("line").replaceWith(parse(html)));
  source.onerror = () => {
    // The browser comes back by itself after a cut; only a refusal (503) ends a source.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(async () => {
      await refresh();
      listen();
    }, RETRY_MS * (0.5 + Math.random()));
  };
}

async function refresh() {
  const answer = await fetch(base, { headers: { "X-Fragment": "1" } }).catch(() => null);
  if (!answer?.ok) return;
  const next = parse(await answer.text());
  if (next.dataset.visit !== screen.dataset.visit) put(next);
}

document.addEventListener("click", (event) => {
  touchedAt = performance.now();
  if (event.target.closest("[data-close]")) {
    closed = answerOf(screen);
    document.getElementById("answer").replaceChildren();
    document.getElementById("reach").focus();
    return;
  }
  if (event.target.closest("[data-play]")) {
    const film = screen.querySelector("video");
    if (film.paused) film.play().catch(() => {});
    else film.pause();
    return;
  }
  const link = event.target.closest("a[href]");
  if (!link || "whole" in link.dataset || !link.pathname.startsWith(base) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (busy) return;
  if (link.dataset.tap) confirm("tap", { target: link.dataset.tap });
  open(link.href);
});

document.addEventListener("submit", (event) => {
  touchedAt = performance.now();
  const form = event.target;
  if (form.dataset.tap && !busy) confirm("tap", { target: form.dataset.tap });
  if ("whole" in form.dataset) return;
  event.preventDefault();
  if (form.method === "get") open(`${form.action}?${new URLSearchParams(new FormData(form))}`);
  else {
    // What was seen is the shopper's only while their visit goes on.
    const told = ["end", "ordinary"].includes(form.dataset.tap) && !busy && watched();
    const late = new Promise((done) => { setTimeout(done, TOLD_MS_MAX); });
    Promise.race([told, late]).then(() => open(form.action, form));
  }
});

for (const name of ["pointerdown", "keydown", "wheel"]) {
  document.addEventListener(name, () => { touchedAt = performance.now(); }, { passive: true });
}

setInterval(() => {
  const { page, visit } = screen.dataset;
  if (visit || page === "attract") return;
  if (performance.now() - touchedAt > (IDLE_MS[page] ?? IDLE_MS_OTHERWISE)) {
    touchedAt = performance.now();
    location.assign(`${base}?fresh`);
  }
}, 1000);

painted();
listen();
