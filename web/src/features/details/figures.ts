import * as m from "../../paraglide/messages.js";
import type { CandidateFacts } from "../../media/path.ts";
import type { Flow } from "../../media/quality.ts";
import type { Path, Source } from "../../media/session.ts";

const SOURCES: Readonly<Record<Source, () => string>> = {
  microphone: m.microphone,
  camera: m.camera,
  screen_share: m.share,
  screen_share_audio: m.settings_sounds,
};

export function bitrate(bps: number): string {
  if (bps < 1_000) return `${Math.round(bps)} bit/s`;
  if (bps < 1_000_000) return `${Math.round(bps / 1_000)} kbit/s`;
  return `${(bps / 1_000_000).toFixed(1)} Mbit/s`;
}

/** "Camera · VP8 · 1280×720 · 30/s · 1.2 Mbit/s" */
export function flowLine(flow: Flow): string {
  const parts = [SOURCES[flow.source]()];
  if (flow.codec) parts.push(flow.codec);
  if (flow.width !== null && flow.height !== null) parts.push(`${flow.width}×${flow.height}`);
  if (flow.framerate !== null) parts.push(`${Math.round(flow.framerate)}/s`);
  parts.push(bitrate(flow.bitrate_bps));
  return parts.join(" · ");
}

const RELAYS = { udp: m.path_relay_udp, tcp: m.path_relay_tcp, tls: m.path_relay_tls } as const;

export function pathWords(path: Path | null): string {
  if (!path) return m.path_unknown();
  if (path.relay_protocol !== null) return RELAYS[path.relay_protocol]();
  if (!path.direct) return m.path_relay();
  return path.near ? m.path_direct() : m.path_internet();
}

/** "host udp 192.168.0.7:51820": candidate types as the RFCs name them. */
export function candidateWords(facts: CandidateFacts): string {
  const where =
    facts.address === null
      ? ""
      : facts.address.includes(":")
        ? ` [${facts.address}]`
        : ` ${facts.address}`;
  const port = facts.port === null || facts.address === null ? "" : `:${facts.port}`;
  return `${facts.type} ${facts.protocol}${where}${port}`;
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function kinds(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ");
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(part > 0 && part < 0.1 ? 1 : 0)} %`;
}
