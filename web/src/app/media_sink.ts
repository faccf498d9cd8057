import type { ShareMode, Source } from "../media/session.ts";

/** Where tracks go once there is a call. Before it there is none, and nothing leaves the page. */
export interface MediaSink {
  publish(source: Source, track: MediaStreamTrack, muted: boolean): Promise<void>;
  publishShare(track: MediaStreamTrack, mode: ShareMode): Promise<void>;
  setShareMode(mode: ShareMode): void;
  mute(source: Source): Promise<void>;
  unmute(source: Source): Promise<void>;
  unpublish(source: Source): Promise<void>;
}
