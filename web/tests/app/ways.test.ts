import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Absence } from "../../src/app/absence";
import { TRY_AFTER_MS, Ways, type WaysLink, type WaysPlanes } from "../../src/app/ways";
import type { LinkStatus } from "../../src/wire/link";

/** The link to a server that goes away and comes back. */
class Link {
  status: LinkStatus = "online";
  private told = new Set<(status: LinkStatus) => void>();

  on(_: string, handler: (status: LinkStatus) => void): () => void {
    this.told.add(handler);
    return () => this.told.delete(handler);
  }

  become(status: LinkStatus): void {
    this.status = status;
    for (const handler of this.told) handler(status);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("what did not work while the server was away", () => {
  const absence = (link: Link): Absence =>
    new Absence(link as unknown as ConstructorParameters<typeof Absence>[0]);

  it("is known of each moment of it, and not of those before and after", () => {
    const link = new Link();
    const one = absence(link);
    vi.advanceTimersByTime(1_000);
    const before = performance.now();
    expect(one.since(before)).toBe(false);
    link.become("offline");
    vi.advanceTimersByTime(1_000);
    const during = performance.now();
    expect([one.since(before), one.since(during)]).toEqual([true, true]);
    vi.advanceTimersByTime(1_000);
    link.become("online");
    vi.advanceTimersByTime(1_000);
    expect([one.since(before), one.since(during), one.since(performance.now())]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("is not told of the way to the SFU, which is tried again", async () => {
    const reports: unknown[] = [];
    const found: (boolean | null)[] = [null, false];
    const link = {
      status: "online",
      room: { participants: [{ identity: "u_mina", sfu: null, no_way: [] }] },
      command: (name: string, payload: unknown) => {
        reports.push([name, payload]);
        return Promise.resolve({ ok: true });
      },
    } as unknown as WaysLink;
    const trySfu = vi.fn(() => Promise.resolve(found.shift() ?? null));
    const planes = {
      session: { plane: "mesh", on: () => () => undefined },
      trySfu,
    } as unknown as WaysPlanes;
    const ways = new Ways(link, "u_mina", planes, true);
    await vi.advanceTimersByTimeAsync(TRY_AFTER_MS);
    expect([trySfu.mock.calls.length, reports]).toEqual([1, []]);
    await vi.advanceTimersByTimeAsync(TRY_AFTER_MS);
    expect(reports).toEqual([["plane.report", { sfu: false, no_way: [] }]]);
    ways.close();
  });
});
