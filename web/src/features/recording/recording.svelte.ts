import type { Call } from "../../app/call.svelte.ts";
import * as m from "../../paraglide/messages.js";
import { fileName } from "./file_name.ts";
import { Picture } from "./picture.ts";
import { Sound } from "./sound.ts";
import { canKeep, openTarget, type Target } from "./target.ts";

const PIECE_MS = 1_000;
const TYPES = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];

const typeHere = (): string | undefined =>
  typeof MediaRecorder === "undefined"
    ? undefined
    : TYPES.find((type) => MediaRecorder.isTypeSupported(type));

/** Whether this browser can record a call to a disk. */
export const canRecord = (): boolean => typeHere() !== undefined && canKeep();

interface Running {
  readonly recorder: MediaRecorder;
  readonly target: Target;
  readonly stopped: Promise<void>;
}

/**
 * A recording of the call by this browser, written to disk piece by piece.
 *
 * The room is told first and the recorder begins after that, so that nobody is ever recorded without
 * the banner; it ends when a host says so, and is kept as far as it came.
 */
export class Recording {
  active = $state(false);
  #running: Running | null = null;

  constructor(private readonly call: Call) {}

  /** To be called by a click, for the file is asked for. */
  async start(): Promise<void> {
    const type = typeHere();
    if (this.active || type === undefined) return;
    this.active = true;
    let target: Target | null = null;
    try {
      target = await openTarget(fileName(this.call.room.name, type, new Date()), type);
      await this.call.command("recording.start", {});
      this.#running = this.#record(type, target);
    } catch (error) {
      this.active = false;
      await target?.finish();
      if (error instanceof DOMException) {
        if (error.name !== "AbortError") this.#failed();
      } else {
        this.call.complain(error, () => void this.start());
      }
    }
  }

  /** Ends and keeps it; the room is told unless it said so itself. */
  async stop({ told = false }: { told?: boolean } = {}): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (!told) void this.call.do("recording.stop", {});
    if (!running) return;
    if (running.recorder.state !== "inactive") running.recorder.stop();
    await running.stopped;
    this.active = false;
  }

  close(): void {
    void this.stop({ told: true });
  }

  #record(type: string, target: Target): Running {
    const picture = new Picture(this.call);
    const sound = new Sound(this.call.session);
    const tracks = [...picture.stream.getTracks(), ...sound.stream.getTracks()];
    const recorder = new MediaRecorder(new MediaStream(tracks), { mimeType: type });
    // One after the other: a piece that is written before its predecessor makes no film.
    let written = Promise.resolve();
    let broken = false;
    recorder.ondataavailable = ({ data }) => {
      written = written
        .then(() => (broken ? undefined : target.write(data)))
        .catch(() => {
          broken = true;
          if (this.#running?.recorder === recorder) {
            this.#failed();
            void this.stop();
          }
        });
    };
    const stopped = new Promise<void>((done) => {
      recorder.onstop = () => {
        picture.close();
        sound.close();
        void written
          .then(() => target.finish())
          .then(
            () => this.call.notices.show(m.recording_kept()),
            () => this.#failed(),
          )
          .finally(done);
      };
    });
    recorder.start(PIECE_MS);
    return { recorder, target, stopped };
  }

  #failed(): void {
    this.call.notices.show(m.recording_failed(), { tone: "error", topic: "recording failed" });
  }
}
