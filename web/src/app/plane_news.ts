import { findSeat } from "../meeting/membership.ts";
import * as m from "../paraglide/messages.js";
import type { NewsOf } from "./news.ts";
import type { Notices } from "./notices.svelte.ts";
import type { Start } from "./start.ts";

/**
 * Who cannot reach the media server is told, and so are the hosts, with what to open. That a call
 * moves is not: nobody is to notice.
 */
export function tellOfPlanes(
  { event, before, after, me }: NewsOf,
  notices: Notices,
  network: Start["network"],
): void {
  if (event.type !== "plane.reported" && event.type !== "plane.stayed") return;
  const { identity } = event.payload;
  if (identity === null) return;
  const now = findSeat(after, identity);
  if (!now || now.sfu !== false || findSeat(before, identity)?.sfu === false) return;
  const port = network.sfu_udp_port;
  if (identity === me) {
    notices.show(m.plane_no_way_me(), { topic: "plane", tone: "warning" });
  } else if (findSeat(after, me)?.role === "host") {
    const said =
      port === null
        ? m.plane_no_way_other({ name: now.name })
        : m.plane_no_way_port({ name: now.name, port });
    notices.show(said, { topic: "plane", tone: "warning" });
  }
}
