import Paperclip from "@lucide/svelte/icons/paperclip";
import type { Feature } from "../../app/feature.ts";
import { Thumbnails } from "../../app/thumbnails.svelte.ts";
import * as m from "../../paraglide/messages.js";
import { Files } from "./files.svelte.ts";

const holdsFiles = ({ dataTransfer }: DragEvent): boolean =>
  dataTransfer?.types.includes("Files") ?? false;

/** Files dropped on the call or pasted into it, wherever that is. The chat takes pictures that it is given itself. */
function takeWhatComes(files: Files): () => void {
  const over = (event: DragEvent): void => {
    if (event.defaultPrevented || !holdsFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  };
  const drop = (event: DragEvent): void => {
    if (event.defaultPrevented || !holdsFiles(event)) return;
    event.preventDefault();
    files.give([...(event.dataTransfer?.files ?? [])]);
  };
  const paste = (event: ClipboardEvent): void => {
    const given = [...(event.clipboardData?.files ?? [])];
    // A text processor copies a picture of its text too; the text is what was meant.
    const text = event.clipboardData?.getData("text/plain");
    if (event.defaultPrevented || text || given.length === 0) return;
    event.preventDefault();
    files.give(given);
  };
  addEventListener("dragover", over);
  addEventListener("drop", drop);
  addEventListener("paste", paste);
  return () => {
    removeEventListener("paste", paste);
    removeEventListener("dragover", over);
    removeEventListener("drop", drop);
  };
}

export const files: Feature = {
  id: "files",
  tool: {
    order: 35,
    place: "wide",
    icon: Paperclip,
    label: (call) => {
      const { unread } = call.have(Files);
      return unread > 0 ? m.files_unread({ count: unread }) : m.files();
    },
    testid: "files-button",
    press: (call) => call.panels.toggle("files"),
    pressed: (call) => call.panels.open === "files",
    badge: (call) => call.have(Files).unread,
  },
  panel: { title: m.files, load: () => import("./Panel.svelte") },
  shortcuts: [
    {
      chords: [{ code: "KeyF" }],
      label: m.shortcut_files,
      press: (call) => call.panels.toggle("files"),
    },
  ],
  start: (call) => {
    // From the beginning: a picture in small comes before the message that shows it.
    call.have(Thumbnails);
    return takeWhatComes(call.have(Files));
  },
  unread: (call) => call.have(Files).unread,
  unfinished: (call) =>
    call.have(Files).underWay
      ? { leaving: { title: m.files_leave_question(), text: m.files_leave_text() } }
      : null,
};
