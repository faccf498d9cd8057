// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepUpToDate } from "../../src/pages/home/rooms.ts";

const PAGE = `<section data-rooms="/meet/api/rooms">
  <ul data-rooms-list>
    <li><a href="/r/tea"><span class="room-name">Tea</span><span class="room-state">empty</span></a></li>
  </ul>
  <p data-rooms-empty hidden></p>
  <p data-rooms-news data-loading="looking" data-failed="away"></p>
</section>`;
const TEA = { href: "/r/tea", name: "Tea", people: 1, status: "1 person inside" };
const STUDY = { href: "/r/study", name: "<b>Study</b>", people: 0, status: "empty" };

function answer(rooms: readonly object[], etag = '"1"'): Response {
  return new Response(JSON.stringify({ rooms }), { headers: { etag } });
}

function part(selector: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(selector);
  return found;
}

describe("the open rooms", () => {
  const asked = vi.fn<typeof fetch>();
  let page = new AbortController();

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("fetch", asked);
    document.body.innerHTML = PAGE;
    page = new AbortController();
    keepUpToDate(part("section"), page.signal);
  });

  afterEach(() => {
    page.abort();
    vi.useRealTimers();
    asked.mockReset();
  });

  it("are asked for again, and a row that stays keeps its element", async () => {
    const row = part("li");
    asked.mockResolvedValueOnce(answer([STUDY, TEA]));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked.mock.calls[0]?.[0]).toBe("/meet/api/rooms");
    const rows = [...document.querySelectorAll("li")];
    expect(rows.map((one) => one.textContent)).toEqual(["<b>Study</b>empty", "Tea1 person inside"]);
    expect(rows[1]?.isSameNode(row)).toBe(true);
    expect(row.querySelector(".room-state")?.classList.contains("lively")).toBe(true);
  });

  it("give way to a sentence when there are none", async () => {
    asked.mockResolvedValueOnce(answer([]));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(part("[data-rooms-list]").hidden).toBe(true);
    expect(part("[data-rooms-empty]").hidden).toBe(false);
  });

  it("are not sent again while they do not change", async () => {
    asked.mockResolvedValueOnce(answer([TEA], '"7"'));
    asked.mockResolvedValueOnce(new Response(null, { status: 304 }));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked.mock.calls[1]?.[1]?.headers).toEqual({ "If-None-Match": '"7"' });
    expect(part("[data-rooms-news]").textContent).toBe("");
    expect(part("[data-rooms-list]").textContent).toContain("1 person inside");
  });

  it("say that they could not be refreshed, keep what was known, and recover", async () => {
    asked.mockRejectedValueOnce(new TypeError("offline"));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(part("[data-rooms-news]").textContent).toBe("away");
    expect(document.querySelectorAll("li")).toHaveLength(1);
    asked.mockResolvedValueOnce(answer([TEA]));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveBeenCalledTimes(2);
    expect(part("[data-rooms-news]").textContent).toBe("");
  });

  it("say that they are looked for when the answer takes long, and give up in the end", async () => {
    asked.mockImplementationOnce(
      (_, init) =>
        new Promise((_, reject) => {
          init?.signal?.addEventListener("abort", () => reject(new Error("given up")));
        }),
    );
    await vi.advanceTimersByTimeAsync(5_900);
    expect(part("[data-rooms-news]").textContent).toBe("");
    await vi.advanceTimersByTimeAsync(200);
    expect(part("[data-rooms-news]").textContent).toBe("looking");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(part("[data-rooms-news]").textContent).toBe("away");
  });

  it("are not asked for while nobody looks", async () => {
    const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).not.toHaveBeenCalled();
    visibility.mockReturnValue("visible");
    asked.mockResolvedValueOnce(answer([TEA]));
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});
