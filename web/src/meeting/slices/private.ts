/** Private messages: twin of `moim.meeting.features.private.apply`. */

import type { ChatMessage, PrivateState } from "../../wire/types.gen";
import { MESSAGES_HELD } from "../../wire/types.gen";
import type { Durable } from "../fold";
import { changeMessage, messageOf } from "../messages";

export function applyPrivate(state: PrivateState, event: Durable): PrivateState {
  switch (event.type) {
    case "private.sent": {
      const { identity } = event.payload;
      const box = [...(state.boxes[identity] ?? []), messageOf(event)].slice(-MESSAGES_HELD);
      return withBox(state, identity, box);
    }
    case "private.deleted": {
      const { identity } = event.payload;
      const box = state.boxes[identity];
      if (!box) return state;
      return withBox(
        state,
        identity,
        box.map((message) => changeMessage(message, event)),
      );
    }
    case "participant.left": {
      const { [event.payload.identity]: _, ...boxes } = state.boxes;
      return { boxes };
    }
    case "meeting.ended":
      return { boxes: {} };
    default:
      return state;
  }
}

function withBox(state: PrivateState, identity: string, box: ChatMessage[]): PrivateState {
  return { boxes: { ...state.boxes, [identity]: box } };
}
