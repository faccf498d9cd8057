/** The state of the features: one twin each of `moim.meeting.features`, listed only here. */

import type { Slices } from "../wire/types.gen";
import type { Durable } from "./fold";
import { applyApp } from "./slices/app";
import { applyChat } from "./slices/chat";
import { applyFile } from "./slices/file";
import { applyGame } from "./slices/game";
import { applyHand } from "./slices/hand";
import { applyImage } from "./slices/image";
import { applyPrivate } from "./slices/private";
import { applyRetention } from "./slices/retention";
import { applyRecording } from "./slices/recording";

export function applySlices(slices: Slices, event: Durable): Slices {
  return {
    image: applyImage(slices.image, event),
    chat: applyChat(slices.chat, event),
    private: applyPrivate(slices.private, event),
    retention: applyRetention(slices.retention, event),
    file: applyFile(slices.file, event),
    hand: applyHand(slices.hand, event),
    recording: applyRecording(slices.recording, event),
    game: applyGame(slices.game, event),
    app: applyApp(slices.app, event),
  };
}
