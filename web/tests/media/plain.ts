/**
 * A participant written from the protocol's page alone, without our links and data channel: what
 * a stranger's client does at the least.
 */
import { isSource, type Source } from "../../src/media/session";
import type { SignalRelay } from "../../src/media/signals";

export class PlainClient {
  readonly pc = new RTCPeerConnection();
  readonly received = new Map<Source, MediaStreamTrack>();
  private readonly handled = new Set<number>();
  private makingOffer = false;
  private ignoring = false;
  private sources: Record<string, unknown> = {};
  private n = 0;
  private readonly timers = new Map<number, ReturnType<typeof setInterval>>();

  constructor(
    private readonly relay: SignalRelay,
    self: string,
    private readonly other: string,
    tracks: Partial<Record<Source, MediaStreamTrack>>,
  ) {
    const { pc } = this;
    const polite = self > other;
    const senders = new Map<RTCRtpSender, string>();
    const describe = (): void => {
      const mine = pc.getTransceivers().flatMap(({ mid, sender }) => {
        const source = senders.get(sender);
        return mid === null || source === undefined ? [] : [[mid, source] as const];
      });
      const { type, sdp } = pc.localDescription ?? { type: "offer", sdp: "" };
      this.say("description", { type, sdp, sources: Object.fromEntries(mine) });
    };
    relay.on("signal", ({ payload }) => {
      const { n, kind, data } = payload as { n: number; kind: string; data: never };
      relay.send("signal.ack", { to: other, epoch: 1, n });
      if (this.handled.has(n)) return;
      this.handled.add(n);
      void (kind === "candidate" ? candidate(data) : description(data));
    });
    relay.on("signal.acked", ({ payload }) => {
      clearInterval(this.timers.get((payload as { n: number }).n));
    });
    const candidate = async (data: RTCIceCandidateInit): Promise<void> => {
      await pc.addIceCandidate(data).catch((error: unknown) => {
        if (!this.ignoring) throw error;
      });
    };
    const description = async (
      data: RTCSessionDescriptionInit & { sources: Record<string, unknown> },
    ): Promise<void> => {
      const collides =
        data.type === "offer" && (this.makingOffer || pc.signalingState !== "stable");
      this.ignoring = !polite && collides;
      if (this.ignoring) return;
      this.sources = data.sources;
      await pc.setRemoteDescription(data);
      if (data.type !== "offer") return;
      await pc.setLocalDescription();
      describe();
    };
    pc.onicecandidate = ({ candidate }) => {
      this.say("candidate", candidate?.toJSON() ?? { candidate: "" });
    };
    pc.ontrack = ({ transceiver, track }) => {
      const source = this.sources[transceiver.mid ?? ""];
      if (isSource(source)) this.received.set(source, track);
    };
    pc.onnegotiationneeded = async () => {
      this.makingOffer = true;
      await pc.setLocalDescription();
      describe();
      this.makingOffer = false;
    };
    for (const [source, track] of Object.entries(tracks)) {
      senders.set(pc.addTrack(track, new MediaStream()), source);
    }
  }

  close(): void {
    for (const timer of this.timers.values()) clearInterval(timer);
    this.pc.close();
  }

  private say(kind: string, data: unknown): void {
    const n = (this.n += 1);
    const send = () => this.relay.send("signal.send", { to: this.other, epoch: 1, n, kind, data });
    send();
    this.timers.set(n, setInterval(send, 500));
  }
}
