import HandIcon from "@lucide/svelte/icons/hand";
import type { Call } from "../../app/call.svelte.ts";
import type { Feature } from "../../app/feature.ts";
import { SOUNDS_UP_TO } from "../../app/sounds.ts";
import * as m from "../../paraglide/messages.js";

const raised = (call: Call): boolean => typeof call.me?.handPlace === "number";

function toggle(call: Call): void {
  void call.do(raised(call) ? "hand.lower" : "hand.raise", {});
}

/** Raised hands are told as they come; the queue itself is in the list of people. */
function start(call: Call): () => void {
  const me = call.seat.identity;
  return call.onEvent((event, _before, after) => {
    if (event.type === "hand.raised" && event.payload.identity !== me) {
      const { identity } = event.payload;
      call.notices.show(m.someone_hand({ name: call.nameOf(identity) }), {
        topic: `hand ${identity}`,
      });
      if (after.participants.length <= SOUNDS_UP_TO) call.sound("hand");
    } else if (event.type === "hand.lowered") {
      const { identity, by } = event.payload;
      call.notices.withdraw(`hand ${identity}`);
      if (identity === me && by !== me) {
        call.notices.show(m.someone_lowered_hand({ name: call.nameOf(by) }));
      }
    }
  });
}

export const hand: Feature = {
  id: "hand",
  tool: {
    order: 20,
    place: "bar",
    icon: HandIcon,
    label: m.hand_raise,
    testid: "hand-button",
    press: toggle,
    pressed: raised,
  },
  shortcuts: [{ chords: [{ code: "KeyH" }], label: m.shortcut_hand, press: toggle }],
  start,
};
