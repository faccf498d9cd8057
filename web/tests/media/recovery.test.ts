import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Recovery } from "../../src/media/recovery";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

interface Server {
  reachable: boolean;
  heard: boolean;
  stuck?: boolean;
  refuses?: boolean;
}

function recovery(polite = false, server: Server = { reachable: true, heard: true }) {
  const log: string[] = [];
  const begin = Date.now();
  const note = (what: string) => () => {
    log.push(`${what} ${String((Date.now() - begin) / 1000)}`);
  };
  const watch = new Recovery(polite, {
    restart: note("restart"),
    rebuild: () => {
      if (server.refuses !== true) note("rebuild")();
      return server.refuses !== true;
    },
    stuck: () => server.stuck === true,
    reachable: () => server.reachable,
    heard: () => server.heard,
  });
  return { watch, log, server };
}

describe("a break", () => {
  test("restarts ICE at once, and the impolite end goes first", () => {
    for (const [polite, at] of [
      [false, "restart 0"],
      [true, "restart 0.5"],
    ] as const) {
      const { watch, log } = recovery(polite);
      watch.onState("connected");
      watch.onState("disconnected");
      vi.advanceTimersByTime(2_000);
      expect(log).toEqual([at]);
      watch.close();
    }
  });

  test("that is over before the polite end acts is left alone", () => {
    const { watch, log } = recovery(true);
    watch.onState("connected");
    watch.onState("disconnected");
    vi.advanceTimersByTime(400);
    watch.onState("connected");
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is met with restarts that become rarer, and in the end with a new connection", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onState("failed");
    for (let turn = 0; turn < 5; turn += 1) {
      watch.onState("connecting");
      watch.onState("failed");
      vi.advanceTimersByTime(7_000);
    }
    expect(log).toEqual(["restart 0", "restart 4", "restart 12", "rebuild 27"]);
    watch.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("builds nothing anew while the other end does not hear us", () => {
    const { watch, log } = recovery(false, { reachable: true, heard: false });
    watch.onState("connected");
    watch.onState("failed");
    vi.advanceTimersByTime(120_000);
    expect(log.length).toBeGreaterThan(5);
    expect(log.some((line) => line.startsWith("rebuild"))).toBe(false);
    watch.close();
  });

  test("that the other end is mending already is left to it for a while", () => {
    const { watch, log } = recovery(true);
    watch.onState("connected");
    watch.onState("disconnected");
    vi.advanceTimersByTime(100);
    watch.onRemoteRestart();
    vi.advanceTimersByTime(4_000);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(["restart 4.6"]);
    watch.close();
  });

  test("that the other end noticed first is not restarted again when it is noticed here", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onRemoteRestart();
    vi.advanceTimersByTime(2_000);
    watch.onSilence();
    vi.advanceTimersByTime(3_900);
    expect(log).toEqual([]);
    watch.onFlow();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("without a server waits for it, and then for nobody", () => {
    for (const polite of [false, true]) {
      const { watch, log, server } = recovery(polite, { reachable: false, heard: true });
      watch.onState("connected");
      watch.onState("disconnected");
      watch.onState("failed");
      vi.advanceTimersByTime(10_000);
      expect(log).toEqual([]);
      server.reachable = true;
      watch.onReachable();
      expect(log).toEqual(["restart 10"]);
      watch.close();
    }
  });
});

describe("a silence", () => {
  test("restarts a connection that believes in itself, once", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onSilence();
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual(["restart 0"]);
    watch.close();
  });

  test("that ends by itself leaves no timer", () => {
    const { watch, log } = recovery(true);
    watch.onState("connected");
    watch.onSilence();
    watch.onFlow();
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that became a break is not restarted twice", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onSilence();
    vi.advanceTimersByTime(500);
    watch.onState("disconnected");
    vi.advanceTimersByTime(3_000);
    expect(log).toEqual(["restart 0"]);
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(["restart 0", "restart 4.5"]);
    watch.close();
  });
});

test("a silence that is noticed as the server comes back waits for nobody", () => {
  const { watch, log } = recovery(true);
  watch.onState("connected");
  watch.onSilence();
  watch.onReachable();
  vi.advanceTimersByTime(1_000);
  expect(log).toEqual(["restart 0"]);
  watch.close();
});

describe("another network", () => {
  test("is looked for at once, by the polite end too", () => {
    const { watch, log } = recovery(true);
    watch.onState("connected");
    watch.onNetworkChange();
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual(["restart 0"]);
    watch.close();
  });

  test("is looked for again when the server is back before the path is", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onNetworkChange();
    vi.advanceTimersByTime(2_000);
    watch.onReachable();
    expect(log).toEqual(["restart 0", "restart 2"]);
    watch.onState("connected");
    watch.onReachable();
    expect(log).toHaveLength(2);
    watch.close();
  });

  test("is not found because something of the old one was still on its way", () => {
    const { watch, log, server } = recovery();
    watch.onState("connected");
    server.reachable = false;
    watch.onNetworkChange();
    vi.advanceTimersByTime(200);
    watch.onFlow();
    server.reachable = true;
    watch.onReachable();
    expect(log).toEqual(["restart 0.2"]);
    vi.advanceTimersByTime(1_000);
    watch.onFlow();
    watch.onReachable();
    expect(log).toHaveLength(1);
    watch.close();
  });

  test("that brings nothing on the way over a relay soon gets a new connection", () => {
    const { watch, log } = recovery(false, { reachable: true, heard: false, stuck: true });
    watch.onState("connected");
    watch.onNetworkChange();
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual(["restart 0", "rebuild 0.7"]);
    watch.close();
  });

  test("gets its new connection also where the other end restarts meanwhile", () => {
    const { watch, log } = recovery(true, { reachable: true, heard: true, stuck: true });
    watch.onState("connected");
    watch.onNetworkChange();
    vi.advanceTimersByTime(300);
    watch.onState("disconnected");
    watch.onRemoteRestart();
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(["restart 0", "rebuild 0.7"]);
    watch.close();
  });

  test("gets its new connection also where the server is back before a silence shows", () => {
    const { watch, log, server } = recovery();
    watch.onState("connected");
    watch.onNetworkChange();
    vi.advanceTimersByTime(300);
    watch.onReachable();
    server.stuck = true;
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(["restart 0", "restart 0.3", "rebuild 1"]);
    watch.close();
  });

  test("whose restart was not heard gets a new connection when the server is back", () => {
    const { watch, log, server } = recovery();
    server.stuck = true;
    watch.onState("connected");
    watch.onNetworkChange();
    server.reachable = false;
    vi.advanceTimersByTime(1_500);
    expect(log).toEqual(["restart 0"]);
    server.reachable = true;
    watch.onReachable();
    expect(log).toEqual(["restart 0", "rebuild 1.5"]);
    watch.close();
  });

  test("gets another restart where the connection was made anew a moment ago", () => {
    const { watch, log } = recovery(false, {
      reachable: true,
      heard: true,
      stuck: true,
      refuses: true,
    });
    watch.onState("connected");
    watch.onNetworkChange();
    vi.advanceTimersByTime(2_000);
    expect(log).toEqual(["restart 0", "restart 0.7"]);
    watch.close();
  });

  test("keeps the connection that has found its way by then", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onNetworkChange();
    watch.onState("disconnected");
    watch.onState("connected");
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual(["restart 0"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is no reason to hurry a connection that has not begun", () => {
    const { watch, log } = recovery();
    watch.onNetworkChange();
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual([]);
    watch.close();
  });
});

test("a connection that never comes is tried again", () => {
  const { watch, log } = recovery();
  watch.onState("connecting");
  vi.advanceTimersByTime(16_000);
  expect(log).toEqual(["restart 15"]);
  watch.close();
});
