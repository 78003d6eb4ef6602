// Catches what a scanner types into this page and posts it to the store, as a scan like every other.
// For screens whose machine cannot read the scanner itself. What a person types is left alone: no
// hand types four characters and Enter with less than 50 ms between nearly all of them.
const base = document.body.dataset.base;
const CHARACTERS_MIN = 4;
const CHARACTERS_MAX = 4096;
const QUICK_MS_MAX = 50;
const QUICK_SHARE_MIN = 0.8;
// A scan whose first strokes were quick may falter for so long. What is typed soon after strokes that
// were no scan may be the tail of one: it is thrown away, and the code scanned anew.
const GAP_MS_MAX = 500;
const TAIL_MS_MAX = 2000;
// A code that cannot be posted is tried again; so many may wait, so long. Then it is scanned anew.
const WAITING_MAX = 20;
const RETRY_MS = 500;
const AGE_MS_MAX = 5000;
const ANSWER_MS_MAX = 2000;
// How scanners type FS, GS, RS and US where they do not press Ctrl or Alt.
const FUNCTION_KEYS = { F7: "\x1c", F8: "\x1d", F9: "\x1e", F10: "\x1f" };
const HELD_KEYS = ["Shift", "Control", "Alt", "AltGraph", "CapsLock", "NumLock", "Dead"];

let burst = null;
let number = "";
const waiting = [];
let posting = false;

// What a key adds to a code: nothing ("") for one that is only held; null ends what was typed.
function letterOf(event) {
  const { key, code, ctrlKey, altKey } = event;
  if (altKey && /^Numpad\d$/.test(code)) {
    number = (number + code.at(-1)).slice(0, 5);
    return "";
  }
  if (key in FUNCTION_KEYS) return FUNCTION_KEYS[key];
  if (HELD_KEYS.includes(key)) return "";
  if ([...key].length !== 1) return null;
  if (event.getModifierState("AltGraph") || (ctrlKey && altKey)) return key;
  if (ctrlKey) return /^[@-_a-z]$/.test(key) ? String.fromCharCode(key.toUpperCase().charCodeAt(0) & 31) : null;
  return event.metaKey ? null : key;
}

function begin(event) {
  const field = event.target.closest?.("input, textarea");
  const tail = burst && event.timeStamp - burst.last <= (isQuick(burst) ? TAIL_MS_MAX : GAP_MS_MAX);
  return { text: "", strokes: 0, quick: 0, last: event.timeStamp, tail, field, value: field?.value };
}

// Takes one more stroke, which adds a letter to the code or is only held.
function add(letter, event) {
  const follows = burst && event.timeStamp - burst.last <= (isQuick(burst) ? GAP_MS_MAX : QUICK_MS_MAX);
  if (!follows) {
    if (letter) burst = { ...begin(event), text: letter };
    return;
  }
  burst.strokes += 1;
  if (event.timeStamp - burst.last <= QUICK_MS_MAX) burst.quick += 1;
  burst.last = event.timeStamp;
  burst.text += letter;
  // Nothing else on the page shall take it for its own; what is typed into a field is put right later.
  if (letter && !burst.field) event.preventDefault();
}

function isQuick(typed) {
  return typed !== null && typed.text.length >= CHARACTERS_MIN && typed.quick >= QUICK_SHARE_MIN * typed.strokes;
}

function isScan(event) {
  if (!burst || event.timeStamp - burst.last > GAP_MS_MAX) return false;
  add("", event);
  return isQuick(burst) && burst.text.length <= CHARACTERS_MAX;
}

addEventListener("keydown", (event) => {
  if (event.key === "Enter" && isScan(event)) {
    // Neither the button that was tapped last nor the form shall take it for its own.
    event.preventDefault();
    event.stopImmediatePropagation();
    if (burst.field) burst.field.value = burst.value;
    if (!burst.tail) post(burst.text);
    burst = null;
    return;
  }
  const letter = event.repeat ? null : letterOf(event);
  if (letter === null) burst = null;
  else add(letter, event);
}, { capture: true });

// A character typed as its number while Alt was held, such as Alt+029.
addEventListener("keyup", (event) => {
  if (event.key !== "Alt" || !number) return;
  const typed = Number(number);
  number = "";
  if (typed > 255) burst = null;
  else add(String.fromCharCode(typed), event);
}, { capture: true });

function post(code) {
  if (waiting.length >= WAITING_MAX) return;
  const once = crypto.getRandomValues(new Uint32Array(4)).join("-");
  waiting.push({ code, once, until: performance.now() + AGE_MS_MAX });
  if (!posting) postAll();
}

async function postAll() {
  posting = true;
  while (waiting.length) {
    const { code, once, until } = waiting[0];
    const { token } = document.getElementById("screen").dataset;
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
