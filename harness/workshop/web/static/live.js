// What the pages do by themselves. All of it works without: a page that is reloaded shows the same.
"use strict";
(() => {
  // A secret that came behind the # of a link is put into the form and sent; no server and no history keeps it.
  const form = document.querySelector("form[data-fragment]");
  if (form && location.hash.length > 1) {
    form.elements.secret.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
    form.submit();
    return;
  }

  const part = document.querySelector("[data-events]");
  if (!part || !window.EventSource) return;
  const state = document.querySelector("[data-state]");
  let busy = false, again = false;

  const swap = (html) => {
    const open = new Map();
    part.querySelectorAll("details[id]").forEach((d) => open.set(d.id, d.open));
    const scrolled = [...part.querySelectorAll(".wide")].map((e) => [e.scrollLeft, e.scrollTop]);
    const at = document.activeElement;
    const focused = part.contains(at) ? at.id : "";
    const typed = at instanceof HTMLInputElement ? at.value : undefined;
    part.innerHTML = html;
    part.querySelectorAll("details[id]").forEach((d) => { if (open.has(d.id)) d.open = open.get(d.id); });
    part.querySelectorAll(".wide").forEach((e, i) => { if (scrolled[i]) [e.scrollLeft, e.scrollTop] = scrolled[i]; });
    const back = focused && document.getElementById(focused);
    if (back) {
      if (typed !== undefined && back instanceof HTMLInputElement) back.value = typed;
      back.focus({ preventScroll: true });
    }
  };

  const fetchPart = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(part.dataset.part, { credentials: "same-origin" });
      if (answer.ok) swap(await answer.text());
      else if (answer.status === 401) location.reload();
    } finally {
      busy = false;
      if (again) { again = false; fetchPart(); }
    }
  };

  const say = (text) => { if (state && state.textContent !== text) state.textContent = text; };
  // A browser has few connections to one server: a page that nobody looks at gives its own back.
  let events = null;
  const listen = () => {
    if (document.hidden) {
      events?.close();
      events = null;
      return;
    }
    if (events) return;
    events = new EventSource(part.dataset.events);
    events.addEventListener("changed", fetchPart);
    events.addEventListener("open", () => { say("live"); fetchPart(); });
    events.addEventListener("error", () => say("not connected; trying again"));
  };
  document.addEventListener("visibilitychange", listen);
  listen();
})();
