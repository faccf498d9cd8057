/** The chat: twin of `moim.meeting.features.chat.apply`. */

import type { ChatState } from "../../wire/types.gen";
import { MESSAGES_HELD, WRITERS_HELD } from "../../wire/types.gen";
import type { Durable } from "../fold";
import { changeMessage, messageOf } from "../messages";

export function applyChat(state: ChatState, event: Durable): ChatState {
  switch (event.type) {
    case "chat.sent": {
      const { name } = event.payload;
      const writers = state.writers.filter(({ identity }) => identity !== event.actor);
      return {
        messages: [...state.messages, messageOf(event)].slice(-MESSAGES_HELD),
        writers: [...writers, { identity: event.actor, name }].slice(-WRITERS_HELD),
      };
    }
    case "chat.edited":
    case "chat.deleted":
    case "chat.reacted":
    case "chat.titled":
      return { ...state, messages: state.messages.map((m) => changeMessage(m, event)) };
    default:
      return state;
  }
}
