/** Short words at the bottom left: at most three at once, and each also read out once. */

export type Tone = "news" | "warning" | "error";

export interface Notice {
  readonly id: number;
  /** Notices of the same topic replace each other ("you are muted", "you can be heard"). */
  readonly topic: string;
  readonly text: string;
  readonly tone: Tone;
  readonly button: { readonly label: string; readonly press: () => void } | null;
  /** Stays until it is answered or withdrawn. */
  readonly sticky: boolean;
  /** The panel that it leads to: who has it open has been told. */
  readonly panel: string | null;
}

export interface NoticeOptions {
  readonly topic?: string;
  readonly tone?: Tone;
  readonly button?: { readonly label: string; readonly press: () => void };
  readonly sticky?: boolean;
  readonly panel?: string;
}

const MOST_AT_ONCE = 3;
const SPOKEN_MS = 5_000;
const SHOWN_MS = 5_000;
const SHOWN_WITH_BUTTON_MS = 10_000;

export class Notices {
  shown = $state.raw<readonly Notice[]>([]);
  /** What a screen reader says next; the same words twice in a row differ by an invisible space. */
  spoken = $state("");

  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #silence: ReturnType<typeof setTimeout> | undefined;

  show(text: string, options: NoticeOptions = {}): void {
    const id = this.#next++;
    const notice: Notice = {
      id,
      topic: options.topic ?? `only-${id}`,
      text,
      tone: options.tone ?? "news",
      button: options.button ?? null,
      sticky: options.sticky ?? false,
      panel: options.panel ?? null,
    };
    for (const old of this.shown) if (old.topic === notice.topic) this.#forget(old.id);
    const others = this.shown.filter((old) => old.topic !== notice.topic);
    while (others.length >= MOST_AT_ONCE) {
      const replaceable = others.findIndex((old) => !old.sticky);
      const [gone] = others.splice(Math.max(0, replaceable), 1);
      if (gone) this.#forget(gone.id);
    }
    this.shown = [...others, notice];
    this.say(text);
    if (!notice.sticky) this.#expire(id, notice.button ? SHOWN_WITH_BUTTON_MS : SHOWN_MS);
  }

  /** Said to screen readers, not shown. */
  say(text: string): void {
    this.spoken = this.spoken === text ? `${text}\u200a` : text;
    // Read aloud once; what was said may be taken back later.
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => (this.spoken = ""), SPOKEN_MS);
  }

  dismiss(id: number): void {
    this.#forget(id);
    this.shown = this.shown.filter((notice) => notice.id !== id);
  }

  withdraw(topic: string): void {
    for (const notice of this.shown) if (notice.topic === topic) this.dismiss(notice.id);
  }

  /** A panel is open: what led to it is said. */
  opened(panel: string): void {
    for (const notice of this.shown) if (notice.panel === panel) this.dismiss(notice.id);
  }

  has(topic: string): boolean {
    return this.shown.some((notice) => notice.topic === topic);
  }

  /** While the pointer or the focus is on it, a notice stays (WCAG 2.2.1). */
  hold(id: number): void {
    this.#forget(id);
  }

  release(id: number): void {
    const notice = this.shown.find((one) => one.id === id);
    if (notice && !notice.sticky) this.#expire(id, SHOWN_MS);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    clearTimeout(this.#silence);
    this.shown = [];
  }

  #expire(id: number, after_ms: number): void {
    this.#forget(id);
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), after_ms),
    );
  }

  #forget(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }
}
