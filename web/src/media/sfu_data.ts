/** The data of a call on an SFU: channels to each participant, all over one connection. */
import { DataChannels } from "./data";
import { MediaError, type DataPort } from "./session";
import { SfuChannels } from "./sfu_channels";
import type { SfuLine } from "./sfu_line";

/** An SFU holds what a slow reader has not taken, and puts out whom it would hold too much for. */
const WINDOW_BYTES = 1024 * 1024;

export class SfuData {
  private readonly channels: DataChannels;
  private readonly lines = new Map<string, SfuChannels>();
  private packets: Promise<void> = Promise.resolve();

  /** `changed` is called when there is a way to somebody, or no longer. */
  constructor(
    private readonly line: SfuLine,
    changed: (identity: string) => void,
  ) {
    this.channels = new DataChannels(changed);
  }

  get port(): DataPort {
    return this.channels;
  }

  reaches(identity: string): boolean {
    return this.lines.has(identity);
  }

  setSilent(identity: string, silent: boolean): void {
    this.channels.setSilent(identity, silent);
  }

  attach(identity: string): void {
    if (this.lines.has(identity)) return;
    const line: SfuChannels = new SfuChannels(
      identity,
      (to, topic, data, lossy) => this.packet(line, to, topic, data, lossy),
      (channel) => this.channels.came(identity, channel),
    );
    this.lines.set(identity, line);
    this.channels.attach(identity, line.reliable.asChannel(), {
      lossy: line.lossy.asChannel(),
      open: () => line.open(),
      window_bytes: WINDOW_BYTES,
    });
  }

  detach(identity: string): void {
    const line = this.lines.get(identity);
    if (line === undefined) return;
    this.lines.delete(identity);
    this.channels.detach(identity);
    line.close();
  }

  received(identity: string, topic: string, data: Uint8Array): void {
    this.lines.get(identity)?.received(topic, data);
  }

  private packet(
    line: SfuChannels,
    to: string,
    topic: string,
    data: Uint8Array<ArrayBuffer>,
    lossy: boolean,
  ): Promise<void> {
    const options = { reliable: !lossy, topic, destinationIdentities: [to] };
    const { localParticipant } = this.line.room;
    if (lossy) return localParticipant.publishData(data, options);
    // In the order in which they were given.
    const sent = this.packets.then(async () => {
      await this.line.clear;
      if (this.lines.get(to) !== line) throw new MediaError("closed");
      await localParticipant.publishData(data, options);
    });
    this.packets = sent.catch(() => undefined);
    return sent;
  }
}
