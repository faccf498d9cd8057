/** The room's files: twin of `moim.meeting.features.file.apply`. */

import type { FileState } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyFile(state: FileState, event: Durable): FileState {
  switch (event.type) {
    case "file.shared": {
      const { identity, name, file } = event.payload;
      if (file === null) return state;
      const shared = { seq: event.seq, identity, name, at_ms: event.at_ms, file };
      return { files: [...state.files, shared] };
    }
    case "file.deleted":
      return { files: state.files.filter(({ seq }) => seq !== event.payload.about) };
    default:
      return state;
  }
}
