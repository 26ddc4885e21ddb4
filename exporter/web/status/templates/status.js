"use strict";
// Fetches this very address again and again and puts what is new in place of the old, on the first page and on a job's.
// What the reader does stays: the filters are in the address, the focus is found again, and a selection or an open menu
// is not disturbed.
(() => {
  const EVERY_MS = 5_000;
  const PATIENCE_MS = 20_000;
  const PARTS = ["written", "notices", "overview", "accounts", "filters", "jobs", "job", "chart", "story", "polls"];
  const connection = document.getElementById("connection");
  let timer;
  let lostAt = "";

  const say = (text) => {
    if (connection.textContent !== text) connection.textContent = text;
  };

  const isSelecting = () => {
    const selection = document.getSelection();
    return !selection.isCollapsed && document.querySelector("main").contains(selection.anchorNode);
  };

  const refocus = (part, before) => {
    const place = (one) => one.href ?? one.form?.action;
    const same = [...part.querySelectorAll("a, button")].find((one) => place(one) === place(before));
    if (same) same.focus({ preventScroll: true });
  };

  const replace = (part, fresh) => {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    if (!fresh || part.isEqualNode(fresh) || (focused && part.id === "filters")) return;
    part.replaceChildren(...fresh.childNodes);
    if (focused) refocus(part, focused);
  };

  const show = (page) => {
    document.title = page.title;
    for (const id of PARTS) {
      const part = document.getElementById(id); // each page has some of them
      if (part) replace(part, page.getElementById(id));
    }
  };

  const fetchPage = async () => {
    const address = location.origin + location.pathname + location.search; // without a password that the URL may hold
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  const refresh = async () => {
    if (isSelecting()) return say("Not updated while text is selected.");
    try {
      show(await fetchPage());
      lostAt = "";
      say("");
    } catch (error) {
      lostAt ||= new Date().toISOString().slice(11, 19);
      const reason = error instanceof TypeError ? "" : `: ${error.message}`;
      say(`The exporter could not be reached since ${lostAt} UTC${reason}. What you see is older; trying again.`);
    }
  };

  const run = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    await refresh();
    clearTimeout(timer);
    timer = setTimeout(run, EVERY_MS);
  };

  document.addEventListener("visibilitychange", run);
  timer = setTimeout(run, EVERY_MS);
})();
