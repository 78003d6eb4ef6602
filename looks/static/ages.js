// Lets every age on the screen go on counting, from the time at which the server drew it.
const texts = JSON.parse(document.body.dataset.ages);
const units = [["d", 86400], ["h", 3600], ["min", 60]];
let drawn = null;
let offset = 0;

function words(age) {
  for (const [name, seconds] of units) {
    if (age >= seconds) return texts[name].replace("{n}", Math.floor(age / seconds));
  }
  return age < 5 ? texts.now : texts.s.replace("{n}", Math.floor(age));
}

setInterval(() => {
  const screen = document.getElementById("screen");
  if (!screen?.dataset.now) return;
  if (screen !== drawn) {
    drawn = screen;
    offset = Number(screen.dataset.now) / 1e6 - performance.now() / 1000;
  }
  const now = performance.now() / 1000 + offset;
  for (const time of document.querySelectorAll("time[data-at]")) {
    const text = words(Math.max(0, now - Number(time.dataset.at) / 1e6));
    if (time.textContent !== text) time.textContent = text;
  }
}, 1000);
