/** Images waiting to be sent: twin of `moim.meeting.images.apply`. */

import type { ImageState } from "../../wire/types.gen";
import { IMAGES_WAITING } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyImage(state: ImageState, event: Durable): ImageState {
  switch (event.type) {
    case "image.added": {
      const { identity, image } = event.payload;
      const held = [...(state.waiting[identity] ?? []), image].slice(-IMAGES_WAITING);
      return { waiting: { ...state.waiting, [identity]: held } };
    }
    case "chat.sent":
      return event.payload.image ? without(state, event.actor, event.payload.image.file_id) : state;
    default:
      return state;
  }
}

function without(state: ImageState, identity: string, fileId: string): ImageState {
  const { [identity]: held, ...waiting } = state.waiting;
  if (!held) return state;
  const left = held.filter((i) => i.file_id !== fileId);
  if (left.length) waiting[identity] = left;
  return { waiting };
}
