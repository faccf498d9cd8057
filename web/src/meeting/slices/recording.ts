/** Who records: twin of `moim.meeting.features.recording.apply`. */

import type { RecordingState } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyRecording(state: RecordingState, event: Durable): RecordingState {
  switch (event.type) {
    case "recording.started":
      return { by: [...without(state, event.payload.identity), event.payload.identity] };
    case "recording.stopped":
    case "participant.left":
      return { by: without(state, event.payload.identity) };
    case "meeting.ended":
      return { by: [] };
    default:
      return state;
  }
}

function without(state: RecordingState, identity: string): string[] {
  return state.by.filter((i) => i !== identity);
}
