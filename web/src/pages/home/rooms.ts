/** The open rooms on the home page, asked for again while somebody looks at them. */

const EVERY_MS = 5_000;
const SLOWEST_MS = 60_000;

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

  async function refresh(): Promise<void> {
    try {
      const headers: HeadersInit = etag ? { "If-None-Match": etag } : {};
      const response = await fetch(url, { headers, cache: "no-store" });
      if (response.ok) {
        etag = response.headers.get("etag") ?? "";
        const body = (await response.json()) as { rooms: readonly ListedRoom[] };
        show(section, body.rooms);
      } else if (response.status !== 304) {
        throw new Error(String(response.status));
      }
      wait = EVERY_MS;
      part(section, "[data-rooms-failed]").hidden = true;
    } catch {
      wait = Math.min(wait * 2, SLOWEST_MS);
      part(section, "[data-rooms-failed]").hidden = false;
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
  // A page that comes back from the browser's memory may be hours old.
  window.addEventListener("pageshow", (event) => event.persisted && look(), { signal });
  signal.addEventListener("abort", () => window.clearTimeout(timer));
  plan();
}

/** Brings the list to what it should be; a row that stays keeps its element, and so its focus. */
function show(section: HTMLElement, rooms: readonly ListedRoom[]): void {
  const list = part(section, "[data-rooms-list]");
  const rows = new Map(
    [...list.children].map((row) => [row.querySelector("a")?.getAttribute("href") ?? "", row]),
  );
  rooms.forEach((room, index) => {
    const row = rows.get(room.href) ?? newRow(room);
    rows.delete(room.href);
    write(row, room);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
  for (const gone of rows.values()) gone.remove();
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
