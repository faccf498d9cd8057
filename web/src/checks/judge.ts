/** What each fact means, in words for who reads it: hosts hear what to open on the server. */
import type { Start } from "../app/start.ts";
import type { SfuWay } from "../media/sfu_line.ts";
import type { Router } from "../media/router.ts";
import * as m from "../paraglide/messages.js";
import type { Finding } from "./check.ts";
import type { Speed } from "./speed.ts";
import type { ServerWay } from "./server.ts";

export interface Reader {
  readonly host: boolean;
  readonly network: Start["network"];
}

/** What a call in good quality takes: the camera as it is sent at most, and a handful of others. */
export const GOOD = { up_bps: 1_500_000, down_bps: 2_500_000 };
/** Below this a picture is bad to look at, and sound suffers beside it. */
export const POOR = { up_bps: 300_000, down_bps: 500_000 };

/** Words for everybody, and after them what a host can do about it. */
const said = (reader: Reader, all: string, hosts: string): string =>
  reader.host ? `${all} ${hosts}` : all;

export function ofSecure(secure: boolean, reader: Reader): Finding {
  return secure
    ? { state: "ok", words: m.check_secure_ok() }
    : { state: "bad", words: said(reader, m.check_secure_bad(), m.check_secure_host()) };
}

export function ofServer(way: ServerWay, reader: Reader): Finding {
  switch (way) {
    case "websocket":
      return { state: "ok", words: m.check_server_ok() };
    case "polling":
      return { state: "warn", words: said(reader, m.check_server_slow(), m.check_server_host()) };
    case "away":
      return { state: "bad", words: m.check_server_away() };
  }
}

/** null: it could not be looked at. */
export function ofUdp(router: Router | null, reader: Reader): Finding {
  const { network } = reader;
  if (network.probes.length === 0) {
    return { state: "none", words: said(reader, m.check_udp_none(), m.check_udp_none_host()) };
  }
  if (router?.kind === "blocked") {
    const all = network.relay ? m.network_blocked() : m.network_blocked_missing();
    const port = stunPort(network.probes);
    const words = said(reader, all, m.check_udp_host({ port }));
    return { state: network.relay ? "warn" : "bad", words };
  }
  const passed = router !== null && (router.kind !== "unknown" || router.outside !== null);
  return passed
    ? { state: "ok", words: m.check_udp_ok() }
    : { state: "none", words: m.network_unknown() };
}

export function ofAddress(router: Router | null, reader: Reader): Finding {
  const { relay, probes } = reader.network;
  if (probes.length === 0) return { state: "none", words: m.check_address_none() };
  switch (router?.kind) {
    case "direct":
      return { state: "ok", words: m.network_direct() };
    case "relay":
      return relay
        ? { state: "ok", words: m.network_relay() }
        : {
            state: "warn",
            words: said(reader, m.network_relay_missing(), m.check_address_host()),
          };
    default:
      return { state: "none", words: m.network_unknown() };
  }
}

/** null: it could not be looked at. */
export function ofSfu(way: SfuWay | null, reader: Reader): Finding {
  const { network, host } = reader;
  if (!network.sfu) {
    return { state: "none", words: host ? m.plane_none() : m.check_sfu_none() };
  }
  const port = network.sfu_udp_port;
  const open = port === null ? m.check_sfu_host() : m.check_sfu_port({ port });
  switch (way) {
    case "udp":
      return { state: "ok", words: m.check_sfu_ok() };
    case "relay":
      return { state: "ok", words: m.check_sfu_relay() };
    case "open":
      return { state: "ok", words: m.check_sfu_open() };
    case "tcp":
      return { state: "warn", words: said(reader, m.check_sfu_tcp(), open) };
    case "blocked":
      return { state: "bad", words: said(reader, m.check_sfu_blocked(), open) };
    case "away":
      return { state: "bad", words: said(reader, m.check_sfu_away(), m.check_sfu_doctor()) };
    case null:
      return { state: "none", words: m.check_later() };
  }
}

/** null: it could not be measured. */
export function ofSpeed(speed: Speed | null): Finding {
  if (speed === null) return { state: "none", words: m.check_later() };
  const shown = { up: megabits(speed.up_bps), down: megabits(speed.down_bps) };
  const reaches = (least: Speed): boolean =>
    speed.up_bps >= least.up_bps && speed.down_bps >= least.down_bps;
  if (reaches(GOOD)) return { state: "ok", words: m.check_speed_ok(shown) };
  return reaches(POOR)
    ? { state: "warn", words: m.check_speed_small(shown) }
    : { state: "bad", words: m.check_speed_bad(shown) };
}

/** More than this says nothing of a call, and a short look measures it badly. */
const MOST_BPS = 100_000_000;

const megabits = (bps: number): string =>
  bps >= MOST_BPS ? "100+" : (bps / 1_000_000).toFixed(bps < 10_000_000 ? 1 : 0);

/** The port in "stun:host:3478", which a host may have to open. */
function stunPort(probes: readonly string[]): string {
  return /:(\d+)(?:\?.*)?$/u.exec(probes[0] ?? "")?.[1] ?? "3478";
}
