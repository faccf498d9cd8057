/**
 * Statistics of one connection. Firefox (153) never answers a question that the connection's end
 * overtakes, and whoever waited for it would measure nothing any more: such a question is answered
 * with null.
 */
export class Reports {
  private readonly open = new Set<(report: RTCStatsReport | null) => void>();
  private closed = false;

  constructor(private readonly pc: Pick<RTCPeerConnection, "getStats">) {}

  /** The report of now; null where there is none, or none any more. */
  async ask(): Promise<RTCStatsReport | null> {
    if (this.closed) return null;
    return new Promise((resolve) => {
      const settle = (report: RTCStatsReport | null): void => {
        this.open.delete(settle);
        resolve(report);
      };
      this.open.add(settle);
      this.pc.getStats().then(settle, () => settle(null));
    });
  }

  close(): void {
    this.closed = true;
    for (const settle of [...this.open]) settle(null);
  }
}
