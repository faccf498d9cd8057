import MessageSquare from "@lucide/svelte/icons/message-square";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import { holdsFiles } from "./images.svelte.ts";
import { Chat } from "./chat.svelte.ts";

/** A file dropped beside the chat would open in the call's place, and the call would be gone. */
function catchStrayFiles(): () => void {
  const stay = (event: DragEvent): void => {
    if (event.defaultPrevented || !holdsFiles(event.dataTransfer)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
  };
  addEventListener("dragover", stay);
  addEventListener("drop", stay);
  return () => {
    removeEventListener("dragover", stay);
    removeEventListener("drop", stay);
  };
}

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
    return catchStrayFiles();
  },
  unread: (call) => call.have(Chat).unread,
};
