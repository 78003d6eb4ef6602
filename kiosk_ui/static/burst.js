// Catches what a scanner types into this page, and tells of it by the event `scan`: its detail is the
// code. Who takes it calls preventDefault; a field that had the focus is then as it was before.
// What a person types is left alone: no hand types four characters and Enter with less than 50 ms
// between nearly all of them.
const CHARACTERS_MIN = 4;
const CHARACTERS_MAX = 4096;
const QUICK_MS_MAX = 50;
const QUICK_SHARE_MIN = 0.8;
// A scan whose first strokes were quick may falter for so long. What is typed soon after strokes that
// were no scan may be the tail of one: it is thrown away, and the code scanned anew.
const GAP_MS_MAX = 500;
const TAIL_MS_MAX = 2000;
// How scanners type FS, GS, RS and US where they do not press Ctrl or Alt.
const FUNCTION_KEYS = { F7: "\x1c", F8: "\x1d", F9: "\x1e", F10: "\x1f" };
const HELD_KEYS = ["Shift", "Control", "Alt", "AltGraph", "CapsLock", "NumLock", "Dead"];

// While an input method has the keys, for Chinese for example, they say only which key it was; such a
// machine has the keyboard of the US.
const US_KEYS = {
  Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:",
  Quote: "'\"", Backquote: "`~", Comma: ",<", Period: ".>", Slash: "/?", Space: "  ",
};
const SHIFTED_DIGITS = ")!@#$%^&*(";

let burst = null;
let number = "";

function isComposed(event) {
  return event.isComposing || event.key === "Process";
}

function isEnter(event) {
  return event.key === "Enter" || (isComposed(event) && /^(Numpad)?Enter$/.test(event.code));
}

// The letter of a key that an input method took, null for one that types none.
function composedLetter({ code, shiftKey, ctrlKey, altKey, metaKey }) {
  if (ctrlKey || altKey || metaKey) return null;
  if (/^(Shift|CapsLock)/.test(code)) return "";
  const [, letter, digit] = /^(?:Key([A-Z])|(?:Digit|Numpad)(\d))$/.exec(code) ?? [];
  if (letter) return shiftKey ? letter : letter.toLowerCase();
  if (digit) return shiftKey && code.startsWith("Digit") ? SHIFTED_DIGITS[digit] : digit;
  return US_KEYS[code]?.[Number(shiftKey)] ?? null;
}

// What a key adds to a code: nothing ("") for one that is only held; null ends what was typed.
function letterOf(event) {
  const { key, code, ctrlKey, altKey } = event;
  if (key === "Process") return composedLetter(event);
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

function put(field, value) {
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Hands the code on, and tells whether somebody took it. The field is then as it was before the scan,
// also when an input method puts what it held there afterwards.
function tell({ text, tail, field, value }, event) {
  const typed = field?.value;
  if (field) put(field, value);
  const scan = new CustomEvent("scan", { detail: text, cancelable: true });
  if (!tail && document.dispatchEvent(scan)) {
    if (field) put(field, typed);
    return false;
  }
  if (field && isComposed(event)) keep(field, value);
  return true;
}

function keep(field, value) {
  const over = new AbortController();
  const { signal } = over;
  field.addEventListener("input", ({ isTrusted }) => { if (isTrusted) put(field, value); }, { signal });
  // What comes after the next key was typed.
  field.addEventListener("keydown", () => over.abort(), { signal });
  setTimeout(() => over.abort(), TAIL_MS_MAX);
}

function isScan(event) {
  if (!burst || event.timeStamp - burst.last > GAP_MS_MAX) return false;
  add("", event);
  return isQuick(burst) && burst.text.length <= CHARACTERS_MAX;
}

addEventListener("keydown", (event) => {
  if (isEnter(event) && isScan(event)) {
    const typed = burst;
    burst = null;
    if (!tell(typed, event)) return;
    // Neither the button that was tapped last nor the form shall take it for its own.
    event.preventDefault();
    event.stopImmediatePropagation();
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
