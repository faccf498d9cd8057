/** The open rooms on the home page, asked for again while somebody looks at them. */

const EVERY_MS = 5_000;
const SLOWEST_MS = 60_000;
/** A refresh that takes longer than this is worth a word. */
const SLOW_MS = 1_000;
/** A server that takes longer than this is away. */
const TIMEOUT_MS = 10_000;

/** A room as `GET /api/rooms` tells it, with its texts in the reader's language. */
interface ListedRoom {
  readonly href: string;
  readonly name: string;
  readonly people: number;
  readonly status: string;
}

/**
 * Polls while the page is visible, until `signal` ends it. What did not change costs a 304; after a
 * failure it asks less often.
 */
export function keepUpToDate(section: HTMLElement, signal: AbortSignal): void {
  const url = section.dataset["rooms"] ?? "";
  let etag = "";
  let wait = EVERY_MS;
  let timer = 0;
  const news = part(section, "[data-rooms-news]");

  async function refresh(): Promise<void> {
    const slow = window.setTimeout(() => {
      // Never in turn with the other sentence: a screen reader would say both for ever.
      if (!news.textContent) put(news, news.dataset["loading"] ?? "");
    }, SLOW_MS);
    const patience = new AbortController();
    const enough = window.setTimeout(() => patience.abort(), TIMEOUT_MS);
    try {
      const headers: HeadersInit = etag ? { "If-None-Match": etag } : {};
      const response = await fetch(url, { headers, cache: "no-store", signal: patience.signal });
      if (response.ok) {
        etag = response.headers.get("etag") ?? "";
        const body = (await response.json()) as { rooms: readonly ListedRoom[] };
        show(section, body.rooms);
      } else if (response.status !== 304) {
        throw new Error(String(response.status));
      }
      wait = EVERY_MS;
      window.clearTimeout(slow);
      put(news, "");
    } catch {
      // The rooms that were there stay: an old list is better than none.
      window.clearTimeout(slow);
      wait = Math.min(wait * 2, SLOWEST_MS);
      put(news, news.dataset["failed"] ?? "");
    } finally {
      window.clearTimeout(enough);
    }
    plan();
  }

  function plan(): void {
    window.clearTimeout(timer);
    if (document.visibilityState === "visible" && !signal.aborted) {
      timer = window.setTimeout(() => void refresh(), wait);
    }
  }

  function look(): void {
    window.clearTimeout(timer);
    if (document.visibilityState === "visible") void refresh();
  }

  document.addEventListener("visibilitychange", look, { signal });
  window.addEventListener("online", look, { signal });
  // A page that comes back from the browser's memory may be hours old.
  window.addEventListener("pageshow", (event) => event.persisted && look(), { signal });
  signal.addEventListener("abort", () => window.clearTimeout(timer));
  plan();
}

/** Brings the list to what it should be; a row that stays keeps its element and its focus. */
function show(section: HTMLElement, rooms: readonly ListedRoom[]): void {
  const list = part(section, "[data-rooms-list]");
  const rows = new Map(
    [...list.children].map((row) => [row.querySelector("a")?.getAttribute("href") ?? "", row]),
  );
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  rooms.forEach((room, index) => {
    const row = rows.get(room.href) ?? newRow(room);
    rows.delete(room.href);
    write(row, room);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
  for (const gone of rows.values()) gone.remove();
  // An element that is moved loses the focus.
  if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
  list.hidden = rooms.length === 0;
  part(section, "[data-rooms-empty]").hidden = rooms.length > 0;
}

function newRow(room: ListedRoom): Element {
  const row = document.createElement("li");
  const link = document.createElement("a");
  link.href = room.href;
  const name = document.createElement("span");
  name.className = "room-name";
  const state = document.createElement("span");
  state.className = "room-state";
  link.append(name, state);
  row.append(link);
  return row;
}

function write(row: Element, room: ListedRoom): void {
  put(row.querySelector(".room-name"), room.name);
  const state = row.querySelector(".room-state");
  put(state, room.status);
  state?.classList.toggle("lively", room.people > 0);
}

function put(element: Element | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}

function part(section: HTMLElement, selector: string): HTMLElement {
  const found = section.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}
