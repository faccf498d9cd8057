import MessageSquare from "@lucide/svelte/icons/message-square";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import { Chat } from "./chat.svelte.ts";

export const chat: Feature = {
  id: "chat",
  tool: {
    order: 30,
    place: "bar",
    icon: MessageSquare,
    label: (call) => {
      const { unread } = call.have(Chat);
      return unread > 0 ? m.chat_unread({ count: unread }) : m.chat();
    },
    testid: "chat-button",
    press: (call) => call.panels.toggle("chat"),
    pressed: (call) => call.panels.open === "chat",
    badge: (call) => call.have(Chat).unread,
  },
  panel: { title: m.chat, load: () => import("./Panel.svelte") },
  shortcuts: [
    {
      chords: [{ code: "KeyC" }],
      label: m.shortcut_chat,
      press: (call) => call.panels.toggle("chat"),
    },
  ],
  start: (call) => {
    call.have(Chat);
    return () => undefined;
  },
  unread: (call) => call.have(Chat).unread,
};
