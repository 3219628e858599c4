// Keys, the running clock, peek, and old figures greyed. Every page works without this file.
(() => {
  const base = document.body.dataset.base;
  const said = document.getElementById("said"), peek = document.getElementById("peek"), keys = document.getElementById("keys");
  const GOES = { t: "/", p: "/payments", r: "/reconciliation", b: "/trial-balance", c: "/channels" };
  let waitsForGo = false;

  const say = (text) => { said.textContent = text; setTimeout(() => { said.textContent = ""; }, 1600); };
  const rows = () => [...document.querySelectorAll("[data-rows] tbody tr[data-href]")];
  const chosen = () => document.querySelector("tr[aria-selected]");
  const press = (key) => { const one = document.querySelector(`[data-key="${key}"]`); if (one) one.click(); };

  const move = (step) => {
    const all = rows(), at = all.indexOf(chosen()), next = all[Math.max(0, Math.min(all.length - 1, at + step))];
    if (!next) return;
    if (chosen()) chosen().removeAttribute("aria-selected");
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
    if (!peek.hidden) look();
  };
  const look = () => {
    const row = chosen();
    if (!row || !row.dataset.href.includes("/payments/")) return;
    htmx.ajax("GET", row.dataset.href + "/peek", { target: "#peek", swap: "innerHTML" }).then(() => { peek.hidden = false; });
  };
  const copy = () => {
    const one = chosen() || document.querySelector(".zf-crumb [data-id]");
    if (one) navigator.clipboard.writeText(one.dataset.id).then(() => say(said.dataset.copied));
  };
  // A break's cures: 1 to 5 choose, Enter shows the voucher of the chosen one.
  const choose = (n) => { const one = document.querySelector(`[data-choose="${n}"]`); if (one) one.checked = true; };
  const look_at = () => { const form = document.querySelector("form[data-preview]"); if (form) form.requestSubmit(); };
  const KEYS = {
    "/": () => { const box = document.querySelector("[data-search]"); if (box) box.focus(); },
    g: () => { waitsForGo = true; },
    j: () => move(1), k: () => move(-1), " ": () => (peek.hidden ? look() : (peek.hidden = true)),
    Enter: () => { if (chosen()) location.href = chosen().dataset.href; else look_at(); },
    ...Object.fromEntries("12345".split("").map((n) => [n, () => choose(n)])),
    c: copy, e: () => press("e"), q: () => press("q"), "?": () => keys.showModal(), Escape: () => { peek.hidden = true; },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, summary, a[href], dialog")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (waitsForGo) {
      waitsForGo = false;
      if (event.key in GOES) { location.href = base + GOES[event.key]; event.preventDefault(); }
      return;
    }
    if (event.key in KEYS) { event.preventDefault(); KEYS[event.key](); }
  });

  // The whole row opens what its link opens, in a new tab as a link would; a click that selects text or meets a link does not.
  const inRow = (event) => (event.target.closest("a, button, input, select, summary, label") || String(getSelection()) ? null : event.target.closest("tr[data-href]"));
  const open = (event) => {
    const row = event.button < 2 && inRow(event);
    if (!row) return;
    if (event.button || event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
    else location.href = row.dataset.href;
  };
  document.addEventListener("click", open);
  document.addEventListener("auxclick", open);
  document.addEventListener("mousedown", (event) => { if (event.button === 1 && inRow(event)) event.preventDefault(); });

  // The clock runs on from what the server said: the business's time, not this machine's.
  const clock = document.querySelector("[data-clock]");
  if (clock) {
    const [h, m, s] = clock.dataset.clock.split(":").map(Number), start = (h * 60 + m) * 60 + s, opened = performance.now();
    const two = (n) => String(n).padStart(2, "0");
    setInterval(() => {
      const now = (start + Math.floor((performance.now() - opened) / 1000)) % 86400;
      clock.textContent = `${two(Math.floor(now / 3600))}:${two(Math.floor(now / 60) % 60)}:${two(now % 60)}`;
    }, 1000);
  }

  // Figures that could not be read anew stay, greyed, and say of when they are.
  const stale = () => {
    const band = document.getElementById("figures");
    if (!band) return;
    band.classList.add("stale");
    said.textContent = `${said.dataset.stale} ${band.dataset.at}`;
    for (const seal of document.querySelectorAll(".zf-seal:not(.off)")) { seal.classList.add("off"); seal.textContent = ""; }
  };
  document.body.addEventListener("htmx:responseError", stale);
  document.body.addEventListener("htmx:sendError", stale);
  document.body.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "figures") said.textContent = ""; });
})();
