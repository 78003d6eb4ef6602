// Keeps the page current, and filters its rows in the browser.
const EVERY_MS = 4000;
const find = () => document.getElementById("find");
const only = () => document.getElementById("only-unwell");

function filter() {
  const wanted = (find()?.value ?? "").trim().toLowerCase();
  const unwell = only()?.checked ?? false;
  for (const row of document.querySelectorAll("#stores > tr")) {
    const named = row.textContent.toLowerCase().includes(wanted);
    row.hidden = !named || (unwell && !row.classList.contains("unwell"));
  }
}

async function refresh() {
  try {
    const response = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (response.redirected) return location.reload();
    if (!response.ok) throw new Error(response.status);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of [".heading", ".summary", "#funnel", "#goods", "#stores", "#online"]) {
      const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
      if (!old !== !now) return location.reload();
      if (old) old.replaceWith(document.adoptNode(now));
    }
    document.getElementById("screen").dataset.now = fresh.getElementById("screen").dataset.now;
    document.dispatchEvent(new Event("drawn"));
    document.getElementById("stale").hidden = true;
    filter();
  } catch {
    document.getElementById("stale").hidden = false;
  }
}

find()?.addEventListener("input", filter);
only()?.addEventListener("change", filter);
setInterval(() => document.hidden || refresh(), EVERY_MS);
