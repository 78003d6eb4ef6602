// Keeps the figures and the line current, holds things to the camera, and follows the four steps.
const LIVE_EVERY_MS = 1000;
const CAMERA_RETRY_MS = 2000;
const $ = (id) => document.getElementById(id);
const all = (selector) => document.querySelectorAll(selector);
const store = document.body.dataset.store;

// ---- the four steps: done ones are ticked, the first that is not is where we are ----
const done = new Set();

function follow() {
  let now = null;
  for (const step of all("[data-step]")) {
    const is = done.has(step.dataset.step);
    step.toggleAttribute("data-done", is);
    now ??= is ? null : step;
  }
  for (const step of all("[data-step]")) step.toggleAttribute("data-now", step === now);
}

function finish(...steps) {
  for (const step of steps) done.add(step);
  follow();
}

// ---- what changes from second to second ----
function draw(live) {
  for (const { name, value, unit } of live.figures) {
    const place = document.querySelector(`[data-figure="${CSS.escape(name)}"]`);
    const [number, measure] = place.children;
    place.toggleAttribute("data-grew", number.textContent !== value);
    number.textContent = value;
    measure.textContent = unit;
  }
  document.querySelector(".line").dataset.line = live.line;
  // Told to who cannot see it only when it says something new, not each second.
  if ($("line-title").textContent !== live.line_title) $("line-title").textContent = live.line_title;
  if ($("line-text").textContent !== live.line_text) $("line-text").textContent = live.line_text;
  $("switch").value = live.cut ? "mend" : "cut";
  if (done.has("2") && !done.has("3") && !live.cut) seeCoupon().catch(() => {});
}

// The kiosk's page is of another origin and tells us nothing: what it offers is what the shop knows.
async function seeCoupon() {
  if ($("shop").contentDocument?.body?.dataset.member !== member) return;
  const response = await fetch("/shop/coupons");
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (page.querySelector(".ticket:not(.ticket--off)")) finish("3");
}

async function ask(url, form) {
  const headers = { Accept: "application/json" };
  const response = await fetch(url, form ? { method: "POST", body: form, headers } : { headers });
  if (response.ok) draw(await response.json());
}

setInterval(() => document.hidden || ask("/live").catch(() => {}), LIVE_EVERY_MS);

// ---- holding things to the camera, cutting the line ----
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("live" in form.dataset)) return;
  event.preventDefault();
  const pressed = event.submitter;
  const { name, value } = pressed;
  ask(form.action, new URLSearchParams([...new FormData(form), [name, value]])).catch(() => {});
  if (name !== "thing") return;
  look("kiosk");
  if (document.body.dataset.tab !== "kiosk") tab("kiosk").setAttribute("data-news", "");
  pressed.removeAttribute("data-held");
  requestAnimationFrame(() => pressed.setAttribute("data-held", ""));
  if (!pressed.dataset.member) return;
  $("photo").disabled = false;
  be(pressed.dataset.member);
  finish("2");
});

// ---- the camera: a stream that is left while nobody looks ----
let camera = "kiosk";

function look(at) {
  const url = `/camera/${store}/${at}.mjpg`;
  camera = at;
  for (const button of all("[data-camera]")) {
    button.setAttribute("aria-pressed", button.dataset.camera === at);
  }
  if ($("camera").getAttribute("src") !== url) $("camera").src = url;
}

$("camera").addEventListener("error", () => {
  if (!$("camera").getAttribute("src")) return;
  $("camera").removeAttribute("src");
  setTimeout(() => document.hidden || look(camera), CAMERA_RETRY_MS);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) $("camera").removeAttribute("src");
  else look(camera);
});

// ---- the shop: whoever holds a card to the camera is who looks at the shop ----
let member = null;

function be(who) {
  if (who === member) return;
  member = who;
  choose();
  $("be").elements.member.value = who;
  $("be").submit();
}

function choose() {
  for (const card of all("[data-member]")) {
    card.setAttribute("aria-pressed", card.dataset.member === member);
  }
}

function shopped() {
  const page = $("shop").contentDocument?.body;
  if (!page?.dataset || !("story" in page.dataset)) return;
  const first = member === null;
  member = page.dataset.member;
  choose();
  if (first && !member) be(document.querySelector("[data-member]").dataset.member);
  if (page.dataset.story === "looked") finish("1");
  if (page.dataset.story === "redeemed") finish("1", "2", "3", "4");
}

$("shop").addEventListener("load", shopped);
if ($("shop").contentDocument?.readyState === "complete") shopped();

// ---- one pane large, or on a phone one at a time ----
function tab(name) {
  return document.querySelector(`.tabs [data-open="${name}"]`);
}

async function copy(secret) {
  await navigator.clipboard.writeText(secret.textContent);
  secret.setAttribute("data-copied", "");
}

function enlarge(pane, large) {
  pane.classList.toggle("pane--large", large);
  pane.querySelector("[data-large]").setAttribute("aria-pressed", large);
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button, .secret");
  if (!pressed) return;
  const { camera: lens, open, large } = pressed.dataset;
  if (lens) look(lens);
  if (large !== undefined) {
    const pane = pressed.closest(".pane");
    enlarge(pane, !pane.classList.contains("pane--large"));
  }
  if (open) {
    document.body.dataset.tab = open;
    for (const each of all(".tabs button")) each.removeAttribute("aria-current");
    tab(open).setAttribute("aria-current", "true");
    tab(open).removeAttribute("data-news");
    document.querySelector(`#pane-${open} iframe`)?.focus({ preventScroll: true });
  }
  if (pressed.matches(".secret")) copy(pressed).catch(() => {});
});
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const pane of all(".pane--large")) enlarge(pane, false);
});
