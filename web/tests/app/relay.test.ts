import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type IceLink, iceServers, RelayCredential } from "../../src/app/relay";
import type { IceSettings } from "../../src/wire/types.gen";

const settings = (credential: string, lifetime_s: number | null = 600): IceSettings => ({
  servers: [{ urls: ["turn:turn.example.org"], username: "9:u_mina", credential }],
  transport_policy: "all",
  lifetime_s,
});

/** The server's end of the link, as far as credentials go. */
class Server {
  asked: string[] = [];
  away = false;
  told: ((ice: IceSettings) => void) | null = null;
  ice: IceSettings | null = settings("first");

  readonly link = {
    ice: this.ice,
    command: (name: string) => {
      this.asked.push(name);
      return this.away
        ? Promise.reject(new Error("unreachable"))
        : Promise.resolve({ ok: true, seq: 1, ice: settings(`fresh ${this.asked.length}`) });
    },
    on: (_: string, handler: (ice: IceSettings) => void) => {
      this.told = handler;
      return () => (this.told = null);
    },
  } as unknown as IceLink;
}

describe("the credential for the relay", () => {
  let server: Server;
  let taken: (string | undefined)[];
  let relay: RelayCredential;

  const start = (): void => {
    relay = new RelayCredential(server.link, (servers) => taken.push(servers[0]?.credential));
  };
  beforeEach(() => {
    vi.useFakeTimers();
    server = new Server();
    taken = [];
  });
  afterEach(() => {
    relay.close();
    vi.useRealTimers();
  });

  it("is asked for again after half of its life, and again", async () => {
    start();
    await vi.advanceTimersByTimeAsync(299_000);
    expect(server.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([server.asked, taken]).toEqual([["ice.refresh"], ["fresh 1"]]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(taken).toEqual(["fresh 1", "fresh 2"]);
  });

  it("is asked for until the server is back", async () => {
    server.away = true;
    start();
    await vi.advanceTimersByTimeAsync(361_000);
    expect(server.asked).toHaveLength(3);
    expect(taken).toEqual([]);
    server.away = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(taken).toEqual(["fresh 4"]);
  });

  it("comes with the seat when a socket is back, and begins its life there", async () => {
    start();
    await vi.advanceTimersByTimeAsync(200_000);
    server.told?.(settings("with the seat"));
    expect(taken).toEqual(["with the seat"]);
    await vi.advanceTimersByTimeAsync(200_000);
    expect(server.asked).toEqual([]);
  });

  it("is never asked for where there is no relay, nor after the call", async () => {
    (server.link as { ice: IceSettings }).ice = settings("", null);
    start();
    await vi.advanceTimersByTimeAsync(86_400_000);
    relay.close();
    server.told?.(settings("late"));
    expect([server.asked, taken]).toEqual([[], []]);
  });

  it("is left out of what the browser gets where there is none", () => {
    const plain = { urls: ["stun:stun.example.org"], username: null, credential: null };
    expect(iceServers([plain])).toEqual([{ urls: ["stun:stun.example.org"] }]);
  });
});
