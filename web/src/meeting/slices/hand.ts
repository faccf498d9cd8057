/** Raised hands: twin of `moim.meeting.features.hand.apply`. */

import type { HandState } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyHand(state: HandState, event: Durable): HandState {
  switch (event.type) {
    case "hand.raised":
      return { queue: [...without(state, event.payload.identity), event.payload.identity] };
    case "hand.lowered":
    case "participant.left":
      return { queue: without(state, event.payload.identity) };
    case "meeting.ended":
      return { queue: [] };
    default:
      return state;
  }
}

function without(state: HandState, identity: string): string[] {
  return state.queue.filter((i) => i !== identity);
}
