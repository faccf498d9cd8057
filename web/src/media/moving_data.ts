/** The data of a call over two planes: sent where the other end is, heard from both. */
import type { ByteSink, ByteSource, DataPort, Delivery } from "./session";

type Receiver = (from: string, payload: unknown) => void;
type StreamReceiver = (source: ByteSource) => boolean;

export class MovingData implements DataPort {
  /** The one that carries the call comes first. */
  private ports: readonly DataPort[];
  private readonly topics = new Map<string, Set<Receiver>>();
  private readonly streams = new Map<string, StreamReceiver>();
  private readonly offs = new Map<DataPort, (() => void)[]>();

  constructor(first: DataPort) {
    this.ports = [first];
    this.hear(first);
  }

  add(port: DataPort): void {
    this.ports = [...this.ports, port];
    this.hear(port);
  }

  prefer(port: DataPort): void {
    this.ports = [port, ...this.ports.filter((other) => other !== port)];
  }

  remove(port: DataPort): void {
    this.ports = this.ports.filter((other) => other !== port);
    for (const off of this.offs.get(port) ?? []) off();
    this.offs.delete(port);
  }

  close(): void {
    for (const port of [...this.ports]) this.remove(port);
    this.topics.clear();
    this.streams.clear();
  }

  send(topic: string, payload: unknown, to?: readonly string[]): Delivery {
    return this.each(to, (port, whom) => port.send(topic, payload, whom));
  }

  sendLossy(topic: string, payload: unknown, to?: readonly string[]): Delivery {
    return this.each(to, (port, whom) => port.sendLossy(topic, payload, whom));
  }

  openStream(topic: string, to: string, head: unknown): ByteSink {
    const [first] = this.ports;
    const port = this.portTo(to) ?? first;
    if (port === undefined) throw new DOMException("closed", "InvalidStateError");
    return port.openStream(topic, to, head);
  }

  onStream(topic: string, handler: StreamReceiver): () => void {
    this.streams.set(topic, handler);
    for (const port of this.ports) this.hearStreams(port, topic);
    return () => {
      if (this.streams.get(topic) === handler) this.streams.delete(topic);
    };
  }

  on(topic: string, handler: Receiver): () => void {
    let set = this.topics.get(topic);
    if (set === undefined) {
      this.topics.set(topic, (set = new Set()));
      for (const port of this.ports) this.hearTopic(port, topic);
    }
    set.add(handler);
    return () => set.delete(handler);
  }

  reachable(): readonly string[] {
    return [...new Set(this.ports.flatMap((port) => port.reachable()))];
  }

  private portTo(identity: string): DataPort | undefined {
    return this.ports.find((port) => port.reachable().includes(identity));
  }

  private each(
    to: readonly string[] | undefined,
    send: (port: DataPort, whom: readonly string[]) => Delivery,
  ): Delivery {
    const sent: string[] = [];
    const refused: Record<string, "closed" | "congested"> = {};
    const left = new Set(to ?? this.reachable());
    for (const port of this.ports) {
      const here = port.reachable().filter((identity) => left.has(identity));
      if (here.length === 0) continue;
      const delivery = send(port, here);
      for (const identity of here) left.delete(identity);
      sent.push(...delivery.sent);
      Object.assign(refused, delivery.refused);
    }
    for (const identity of left) refused[identity] = "closed";
    return { sent, refused };
  }

  private hear(port: DataPort): void {
    this.offs.set(port, []);
    for (const topic of this.topics.keys()) this.hearTopic(port, topic);
    for (const topic of this.streams.keys()) this.hearStreams(port, topic);
  }

  private hearTopic(port: DataPort, topic: string): void {
    const off = port.on(topic, (from, payload) => {
      for (const receive of [...(this.topics.get(topic) ?? [])]) receive(from, payload);
    });
    this.offs.get(port)?.push(off);
  }

  private hearStreams(port: DataPort, topic: string): void {
    const off = port.onStream(topic, (source) => this.streams.get(topic)?.(source) ?? false);
    this.offs.get(port)?.push(off);
  }
}
