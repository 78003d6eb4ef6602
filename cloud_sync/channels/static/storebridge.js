// Tells what a visitor of a web shop does, after consent alone, in batches: docs/operations.md.
(() => {
  "use strict";
  const self = document.currentScript, site = self.dataset.site;
  const to = (self.dataset.to || new URL(self.src).origin) + "/v1/sites/" + site + "/events";
  const AGREED = "sb_agreed", WEB = "sb_web", QUEUE = "sb_queue";
  const AGE_S = 180 * 86400, QUEUED_MAX = 200, BATCH = 20, WAIT_MS = 1500, WAIT_MS_MAX = 60000;
  let timer = 0, wait = WAIT_MS, busy = false;

  const cookie = (name) =>
    (document.cookie.match("(?:^|; )" + name + "=([^;]*)") || [])[1] || "";
  const keep = (name, value, age = AGE_S) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Max-Age=${age}; Path=/; SameSite=Lax${secure}`;
  };
  const random = () =>
    [...crypto.getRandomValues(new Uint8Array(12))].map((b) => (b + 256).toString(16).slice(1)).join("");
  const agreed = () => cookie(AGREED) === "1";
  const web = () => self.dataset.web || cookie(WEB);
  const queue = () => {
    try {
      return JSON.parse(localStorage.getItem(QUEUE)) || [];
    } catch {
      return [];
    }
  };
  const store = (events) => {
    try {
      localStorage.setItem(QUEUE, JSON.stringify(events.slice(-QUEUED_MAX)));
    } catch { /* nowhere to keep them: lost */ }
  };

  const letter = (events) => JSON.stringify({ web: web(), events });
  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(send, ms);
  };

  async function send() {
    const events = queue().slice(0, BATCH);
    if (busy || !agreed() || !events.length) return;
    busy = true;
    let answer = null;
    try {
      answer = await fetch(to, { method: "POST", body: letter(events), keepalive: true, credentials: "omit" });
    } catch { /* no line: they are sent again */ }
    busy = false;
    const heard = answer && (answer.ok || (answer.status >= 400 && answer.status < 500 && answer.status !== 429));
    if (heard) {
      const sent = new Set(events.map((each) => each.id));
      store(queue().filter((each) => !sent.has(each.id)));
      wait = WAIT_MS;
    } else {
      wait = Math.min(2 * wait, WAIT_MS_MAX);
    }
    if (queue().length) later(heard ? 0 : wait);
  }

  function tell(kind, body = {}, brand = "") {
    if (!agreed()) return;
    store([...queue(), { id: random(), kind, at: Date.now(), body, brand }]);
    later(wait);
  }

  function look() {
    if (!agreed()) return;
    const query = new URLSearchParams(location.search);
    const click = ["sb_click", "qz_gdt", "clickid", "ttclid", "gclid"].map((n) => query.get(n)).find(Boolean);
    tell("page", click ? { page: location.pathname, click } : { page: location.pathname });
    for (const each of document.querySelectorAll("[data-sb-kind]")) {
      const body = {};
      for (const [name, value] of Object.entries(each.dataset)) {
        if (!name.startsWith("sb") || name === "sbKind" || name === "sbBrand") continue;
        const field = name.slice(2).replace(/[A-Z]/g, (c, at) => (at ? "_" : "") + c.toLowerCase());
        body[field] = /_(cents|ms)$|^results$/.test(field) ? Number(value) : value;
      }
      tell(each.dataset.sbKind, body, each.dataset.sbBrand || "");
    }
  }

  function consent(yes) {
    if (yes === agreed()) return;
    if (yes) {
      keep(AGREED, "1");
      if (!web()) keep(WEB, random());
      look();
    } else {
      clearTimeout(timer);
      keep(AGREED, "", 0);
      keep(WEB, "", 0);
      localStorage.removeItem(QUEUE);
    }
  }

  // Nobody waits for this answer: they stay queued, and count once.
  addEventListener("pagehide", () => {
    const events = queue().slice(0, BATCH);
    if (agreed() && events.length) navigator.sendBeacon(to, letter(events));
  });
  addEventListener("online", () => later(0));
  window.storebridge = { consent, tell, agreed };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", look);
  else look();
})();
