/** A message, said to everybody or to one: twin of `moim.meeting.messages`. */

import type { ChatMessage } from "../wire/types.gen";
import type { Durable } from "./fold";

export function messageOf(
  event: Extract<Durable, { type: "chat.sent" | "private.sent" }>,
): ChatMessage {
  const { name, text, reply_to } = event.payload;
  return {
    seq: event.seq,
    command_id: event.command_id,
    author: event.actor,
    name,
    at_ms: event.at_ms,
    text,
    reply_to,
    image: event.type === "chat.sent" ? event.payload.image : null,
    mentions: event.type === "chat.sent" ? event.payload.mentions : [],
    reactions: {},
    titles: [],
    to: event.type === "private.sent" ? event.payload.to : null,
    edited_ms: null,
    deleted: false,
  };
}

/** A message after an event about it. Also for pages of older messages, which no fold holds. */
export function changeMessage(message: ChatMessage, event: Durable): ChatMessage {
  switch (event.type) {
    case "chat.edited": {
      const { about, text, mentions } = event.payload;
      if (about !== message.seq) return message;
      return { ...message, text, mentions, titles: [], edited_ms: event.at_ms };
    }
    case "chat.deleted":
    case "private.deleted":
      return event.payload.about === message.seq ? withoutWords(message) : message;
    case "chat.reacted": {
      const { about, reaction } = event.payload;
      if (about !== message.seq) return message;
      const { [event.actor]: _, ...others } = message.reactions;
      const reactions = reaction === null ? others : { ...others, [event.actor]: reaction };
      return { ...message, reactions };
    }
    case "chat.titled": {
      const { about, titles } = event.payload;
      return about === message.seq ? { ...message, titles } : message;
    }
    default:
      return message;
  }
}

function withoutWords(message: ChatMessage): ChatMessage {
  return {
    ...message,
    text: "",
    image: null,
    mentions: [],
    reactions: {},
    titles: [],
    edited_ms: null,
    deleted: true,
  };
}
