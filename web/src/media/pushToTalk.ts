/**
 * Talking while a key is held. However it ends (the key goes up, the window loses the focus, the
 * page is hidden, the keyboard goes to an input), it ends muted: a key that went up elsewhere must
 * not leave a microphone open.
 */
export interface PushToTalkOptions {
  /** Unmutes for as long as it lasts, and mutes; nothing else ever unmutes here. */
  readonly setMuted: (muted: boolean) => void;
  /** Whether holding means anything now: a microphone is there and is muted. */
  readonly mayTalk: () => boolean;
  readonly onTalking?: (talking: boolean) => void;
}

export class PushToTalk {
  private held = false;
  private readonly unlisten: () => void;

  /** @param page where focus and visibility are watched; a test gives its own. */
  constructor(
    private readonly options: PushToTalkOptions,
    page: { readonly window: EventTarget; readonly document: EventTarget } = { window, document },
  ) {
    const end = (): void => this.release();
    page.window.addEventListener("blur", end);
    page.window.addEventListener("pagehide", end);
    page.document.addEventListener("visibilitychange", end);
    page.document.addEventListener("freeze", end);
    this.unlisten = () => {
      page.window.removeEventListener("blur", end);
      page.window.removeEventListener("pagehide", end);
      page.document.removeEventListener("visibilitychange", end);
      page.document.removeEventListener("freeze", end);
    };
  }

  get talking(): boolean {
    return this.held;
  }

  /** The key went down; its repetitions may call this too. */
  press(): void {
    if (this.held || !this.options.mayTalk()) return;
    this.held = true;
    this.options.setMuted(false);
    this.options.onTalking?.(true);
  }

  release(): void {
    if (!this.held) return;
    this.held = false;
    this.options.setMuted(true);
    this.options.onTalking?.(false);
  }

  close(): void {
    this.release();
    this.unlisten();
  }
}
