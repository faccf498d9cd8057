/** The chat: twin of `moim.meeting.features.chat.apply`. */

import type { ChatMessage, ChatState } from "../../wire/types.gen";
import { MESSAGES_HELD } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyChat(state: ChatState, event: Durable): ChatState {
  switch (event.type) {
    case "chat.sent": {
      const { text, name, reply_to, image } = event.payload;
      const message: ChatMessage = {
        seq: event.seq,
        command_id: event.command_id,
        author: event.actor,
        name,
        at_ms: event.at_ms,
        text,
        reply_to,
        image,
        edited_ms: null,
        deleted: false,
      };
      return { messages: [...state.messages, message].slice(-MESSAGES_HELD) };
    }
    case "chat.edited":
    case "chat.deleted":
      return { messages: state.messages.map((m) => changeMessage(m, event)) };
    default:
      return state;
  }
}

/** A message after an event about it. Also for pages of older messages, which no fold holds. */
export function changeMessage(message: ChatMessage, event: Durable): ChatMessage {
  if (event.type === "chat.edited" && event.payload.about === message.seq) {
    return { ...message, text: event.payload.text, edited_ms: event.at_ms };
  }
  if (event.type === "chat.deleted" && event.payload.about === message.seq) {
    return { ...message, text: "", image: null, edited_ms: null, deleted: true };
  }
  return message;
}
