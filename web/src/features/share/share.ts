import type { Call } from "../../app/call.svelte.ts";
import { DeviceFailure } from "../../media/failures.ts";
import type { ShareMode } from "../../media/session.ts";
import * as m from "../../paraglide/messages.js";

export async function startShare(call: Call, mode: ShareMode): Promise<void> {
  if (call.isRefused("share")) return;
  try {
    if (await call.local.startShare(mode)) call.notices.say(m.your_share_started());
  } catch (error) {
    const code = error instanceof DeviceFailure ? error.code : "failed";
    const text =
      code === "system"
        ? m.share_system_denied()
        : code === "unsupported" || code === "insecure"
          ? m.share_unsupported()
          : m.share_failed();
    call.notices.show(text, {
      tone: "error",
      topic: "share",
      button: { label: m.retry(), press: () => void startShare(call, mode) },
    });
  }
}

export function tellOfShares(call: Call): () => void {
  const me = call.seat.identity;
  return call.onEvent((event) => {
    if (event.type !== "track.published" && event.type !== "track.unpublished") return;
    const { identity, source } = event.payload;
    if (source !== "screen_share" || identity === me) return;
    const said = event.type === "track.published" ? m.someone_shares : m.someone_shares_no_more;
    call.notices.show(said({ name: call.nameOf(identity) }), { topic: `share ${identity}` });
  });
}
