/** How long messages are kept: twin of `moim.meeting.features.retention.apply`. */

import type { RetentionState } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyRetention(state: RetentionState, event: Durable): RetentionState {
  return event.type === "retention.changed" ? { days: event.payload.days } : state;
}
