"use strict";
// Draws zones and lines over the still; the server writes them as TOML.
const SVG = "http://www.w3.org/2000/svg";
const ARROW_PX = 40;
const drawn = { zones: {}, lines: {} };
let points = [];

const by = (id) => document.getElementById(id);
const what = () => document.querySelector("input[name=what]:checked").value;
const least = { zones: 3, lines: 2 };

by("still").addEventListener("click", (event) => {
  const still = by("still");
  const box = still.getBoundingClientRect();
  const scale = Number(still.getAttribute("width")) / box.width;
  if (what() === "lines" && points.length === 2) points = [];
  points.push([event.clientX - box.left, event.clientY - box.top].map((at) => Math.round(at * scale)));
  show();
});

by("back").addEventListener("click", () => { points.pop(); show(); });

for (const radio of document.querySelectorAll("input[name=what]")) {
  radio.addEventListener("change", () => { points = []; show(); });
}

by("tools").addEventListener("submit", (event) => {
  event.preventDefault();
  const kind = what();
  const name = by("name").value.trim();
  if (points.length < least[kind]) return say(`Click ${least[kind]} points first.`);
  if (!name) return say("Give it a name first.");
  drawn[kind][name] = kind === "zones" ? { polygon: points } : points;
  points = [];
  by("name").value = "";
  show();
  write();
});

by("copy").addEventListener("click", async () => {
  by("toml").select();
  try { await navigator.clipboard.writeText(by("toml").value); say("Copied."); }
  catch { say("Press Ctrl-C to copy what is marked."); }
});

by("download").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([by("toml").value], { type: "application/toml" }));
  link.download = "zones.toml";
  link.click();
  URL.revokeObjectURL(link.href);
});

async function write() {
  if (!Object.keys(drawn.zones).length && !Object.keys(drawn.lines).length) {
    by("toml").value = "";
    return;
  }
  try {
    const answer = await fetch("toml", { method: "POST", body: JSON.stringify(drawn) });
    const text = await answer.text();
    if (answer.ok) by("toml").value = text;
    say(answer.ok ? "" : text);
  } catch { say("The program that serves this page has ended: start it again."); }
}

function say(words) { by("said").textContent = words; }

function add(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  parent.append(element);
}

function line(over, [from, to], kind) {
  add(over, "line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], class: kind });
  // Inwards is from the left of the line to its right: y grows downwards.
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  const tip = [middle[0] - (to[1] - from[1]) / length * ARROW_PX,
    middle[1] + (to[0] - from[0]) / length * ARROW_PX];
  add(over, "line", { x1: middle[0], y1: middle[1], x2: tip[0], y2: tip[1], class: "way" });
  add(over, "text", { x: tip[0], y: tip[1] }, "in");
}

function show() {
  const over = by("over");
  over.replaceChildren();
  for (const [name, zone] of Object.entries(drawn.zones)) {
    add(over, "polygon", { points: zone.polygon.join(" ") });
    add(over, "text", { x: zone.polygon[0][0], y: zone.polygon[0][1] }, name);
  }
  for (const [name, ends] of Object.entries(drawn.lines)) {
    line(over, ends, "line");
    add(over, "text", { x: ends[0][0], y: ends[0][1] }, name);
  }
  if (what() === "lines" && points.length === 2) line(over, points, "new");
  else add(over, "polyline", { points: points.join(" "), class: "new" });
  for (const [x, y] of points) add(over, "circle", { cx: x, cy: y, r: 5 });
  list();
}

function list() {
  by("kept").replaceChildren();
  for (const kind of ["zones", "lines"]) {
    for (const name of Object.keys(drawn[kind])) {
      const item = document.createElement("li");
      const remove = document.createElement("button");
      remove.textContent = "Remove";
      remove.addEventListener("click", () => { delete drawn[kind][name]; show(); write(); });
      item.append(`${kind === "zones" ? "Zone" : "Line"} ${name} `, remove);
      by("kept").append(item);
    }
  }
}
