import { acquireScreen } from "../media/devices.ts";
import type { ShareMode } from "../media/session.ts";
import type { MediaSink } from "./media_sink.ts";

/** Our own screen, while we share it. */
export class OwnScreen {
  share = $state.raw<{ readonly mode: ShareMode; readonly sound: boolean } | null>(null);
  #tracks: MediaStreamTrack[] = [];

  constructor(private readonly sink: () => MediaSink | null) {}

  /** @throws DeviceFailure; a closed question is no failure and shares nothing. */
  async start(mode: ShareMode): Promise<boolean> {
    const screen = await acquireScreen(mode);
    if (screen === null) return false;
    const sink = this.sink();
    if (!sink) {
      screen.video.stop();
      screen.audio?.stop();
      return false;
    }
    this.#tracks = screen.audio ? [screen.video, screen.audio] : [screen.video];
    this.share = { mode, sound: screen.audio !== null };
    await sink.publishShare(screen.video, mode);
    if (screen.audio) await sink.publish("screen_share_audio", screen.audio, false);
    return true;
  }

  /** Sharp letters or smooth motion, for the share that runs. */
  setMode(mode: ShareMode): void {
    if (!this.share) return;
    this.share = { ...this.share, mode };
    this.sink()?.setShareMode(mode);
  }

  async stop(): Promise<void> {
    if (!this.share) return;
    this.release();
    await this.sink()?.unpublish("screen_share");
    await this.sink()?.unpublish("screen_share_audio");
  }

  /** Lets go of it, and tells nobody. */
  release(): void {
    for (const track of this.#tracks) track.stop();
    this.#tracks = [];
    this.share = null;
  }
}
