import { describe, expect, test } from "vitest";
import { verdict, type Check, type State } from "../../src/checks/check";
import {
  ofAddress,
  ofSecure,
  ofServer,
  ofSfu,
  ofSpeed,
  ofUdp,
  type Reader,
} from "../../src/checks/judge";
import type { Router } from "../../src/media/router";

const NETWORK = {
  probes: ["stun:meet.example.org:3478", "stun:meet.example.org:3479"],
  relay: false,
  sfu: true,
  sfu_udp_port: 7882,
  sfu_addresses: [],
};
const guest: Reader = { host: false, network: NETWORK };
const host: Reader = { host: true, network: NETWORK };
const router = (kind: Router["kind"], outside: Router["outside"] = null): Router => ({
  kind,
  mapping: "unknown",
  local: null,
  outside,
});
const list = (...states: State[]): Check[] =>
  states.map((state) => ({ name: "udp", state, words: "" }));

describe("verdict", () => {
  test("is the worst of all, and waits for what is still looked at", () => {
    expect(verdict([])).toBe("none");
    expect(verdict(list("ok", "none"))).toBe("ok");
    expect(verdict(list("ok", "warn", "none"))).toBe("warn");
    expect(verdict(list("warn", "bad", "ok"))).toBe("bad");
    expect(verdict(list("bad", "running"))).toBe("running");
  });
});

describe("what a host hears besides", () => {
  test.each([
    [ofSecure(false, guest), ofSecure(false, host), "MOIM_DOMAIN"],
    [ofServer("polling", guest), ofServer("polling", host), "Upgrade"],
    [ofUdp(router("blocked"), guest), ofUdp(router("blocked"), host), "UDP port 3478"],
    [ofAddress(router("relay"), guest), ofAddress(router("relay"), host), "MOIM_TURN_URLS"],
    [ofSfu("blocked", guest), ofSfu("blocked", host), "UDP port 7882"],
    [ofSfu("tcp", guest), ofSfu("tcp", host), "UDP port 7882"],
    [ofSfu("away", guest), ofSfu("away", host), "moim doctor"],
  ])("is what to open or set, and nobody else does", (theirs, hosts, way) => {
    expect(["warn", "bad"]).toContain(theirs.state);
    expect(hosts.state).toBe(theirs.state);
    expect(theirs.words).not.toContain(way);
    expect(hosts.words.startsWith(theirs.words)).toBe(true);
    expect(hosts.words).toContain(way);
  });

  test("of somebody else's media server no port is known", () => {
    const elsewhere: Reader = { host: true, network: { ...NETWORK, sfu_udp_port: null } };
    expect(ofSfu("blocked", elsewhere).words).toContain("LiveKit");
  });
});

describe("what is no trouble", () => {
  test("a relay carries what a router or a firewall does not let pass", () => {
    const relayed: Reader = { host: false, network: { ...NETWORK, relay: true } };
    expect(ofUdp(router("blocked"), relayed).state).toBe("warn");
    expect(ofUdp(router("blocked"), guest).state).toBe("bad");
    expect(ofAddress(router("relay"), relayed).state).toBe("ok");
    expect(ofAddress(router("relay"), guest).state).toBe("warn");
  });

  test("what is not there, or was not found out, counts for nothing", () => {
    const bare: Reader = { host: false, network: { ...NETWORK, probes: [], sfu: false } };
    expect(ofUdp(null, bare).state).toBe("none");
    expect(ofAddress(null, bare).state).toBe("none");
    expect(ofSfu(null, bare).state).toBe("none");
    expect(ofSfu(null, guest).state).toBe("none");
    expect(ofUdp(router("unknown"), guest).state).toBe("none");
    expect(ofSpeed(null).state).toBe("none");
  });

  test("one STUN server that answers shows that packets pass, if not what the router does", () => {
    const seen = router("unknown", { address: "203.0.113.7", port: 4000 });
    expect(ofUdp(seen, guest).state).toBe("ok");
    expect(ofAddress(seen, guest).state).toBe("none");
  });
});

describe("speed", () => {
  test.each([
    [5_000_000, 20_000_000, "ok", "5.0", "20"],
    [1_000_000, 20_000_000, "warn", "1.0", "20"],
    [5_000_000, 1_000_000, "warn", "5.0", "1.0"],
    [100_000, 20_000_000, "bad", "0.1", "20"],
    [2_000_000_000, 900_000_000, "ok", "100+", "100+"],
  ])("%i up and %i down is %s", (up_bps, down_bps, state, up, down) => {
    const found = ofSpeed({ up_bps, down_bps });
    expect(found.state).toBe(state);
    expect(found.words).toContain(`${up} Mbit/s up, ${down} Mbit/s down`);
  });
});
