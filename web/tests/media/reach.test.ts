import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Reach } from "../../src/media/reach";

describe("whether two networks let a call pass", () => {
  let exchanged = true;
  let told = 0;
  let reach: Reach;

  beforeEach(() => {
    vi.useFakeTimers();
    exchanged = true;
    told = 0;
    reach = new Reach({ exchanged: () => exchanged, changed: () => (told += 1) });
  });
  afterEach(() => {
    reach.close();
    vi.useRealTimers();
  });

  it("is not doubted while a slow connection is being made", () => {
    vi.advanceTimersByTime(11_000);
    expect(reach.unreachable).toBe(false);
    reach.onState("connected");
    vi.advanceTimersByTime(60_000);
    expect([reach.unreachable, told]).toEqual([false, 0]);
  });

  it("is denied when both talk by the server and no packet passes, until one does", () => {
    vi.advanceTimersByTime(12_000);
    expect([reach.unreachable, told]).toEqual([true, 1]);
    reach.onState("failed");
    exchanged = false; // another try is on its way
    vi.advanceTimersByTime(30_000);
    expect([reach.unreachable, told]).toEqual([true, 1]);
    reach.onState("connected");
    expect([reach.unreachable, told]).toEqual([false, 2]);
  });

  it("is not judged while the other does not answer by the server either", () => {
    exchanged = false;
    vi.advanceTimersByTime(40_000);
    expect(reach.unreachable).toBe(false);
    exchanged = true;
    vi.advanceTimersByTime(2_000);
    expect(reach.unreachable).toBe(true);
  });

  it("is looked at anew when a connection breaks", () => {
    reach.onState("connected");
    reach.onState("disconnected");
    vi.advanceTimersByTime(11_000);
    expect(reach.unreachable).toBe(false);
    reach.onState("failed");
    vi.advanceTimersByTime(1_000);
    expect(reach.unreachable).toBe(true);
  });

  it("stays denied for the connection that takes the place of one without a way", () => {
    reach.assume();
    expect(reach.unreachable).toBe(true);
    reach.onState("connected");
    expect(reach.unreachable).toBe(false);
  });
});
