// Keeps the status page current: a tick of /events fetches the page again, and what differs is carried over, so that
// selection, focus and open details survive. When events are refused, the page is fetched every five seconds.

const RETRY_MS = 5000;
const live = document.getElementById("live");
const stale = document.getElementById("stale");
let isFetching = false;
let lastContact = new Date();

function carryOver(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const { name } of [...from.attributes]) {
    // The reader opened it; the server does not know.
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  const wanted = [...to.childNodes];
  const present = [...from.childNodes];
  wanted.forEach((child, index) => {
    if (index < present.length) carryOver(present[index], child);
    else from.append(child);
  });
  present.slice(wanted.length).forEach((child) => child.remove());
}

async function refresh() {
  if (isFetching || document.hidden) return;
  isFetching = true;
  try {
    const response = await fetch(location.pathname, { signal: AbortSignal.timeout(RETRY_MS) });
    if (!response.ok) throw new Error(response.statusText);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    carryOver(live, page.getElementById("live"));
    document.title = page.title;
    lastContact = new Date();
    stale.hidden = true;
  } catch {
    if (!stale.hidden) return;
    stale.textContent =
      `No contact with the director: what you see is of ${lastContact.toLocaleTimeString()}`;
    stale.hidden = false;
    document.title = `No contact · ${document.title}`;
  } finally {
    isFetching = false;
  }
}

function listen() {
  const events = new EventSource("events");
  events.addEventListener("tick", refresh);
  events.addEventListener("error", () => {
    refresh();
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

document.addEventListener("visibilitychange", refresh);
listen();
