/**
 * Which panel is open: one at a time. An open panel is an entry of the browser's history, so that
 * Back on a phone closes it before it leaves the call.
 */
export class Panels {
  open = $state<string | null>(null);
  /** What had the focus before, to give it back. */
  #before: HTMLElement | null = null;

  constructor() {
    if (isOurs(history.state)) history.replaceState(null, "");
    addEventListener("popstate", this.#popped);
  }

  toggle(id: string): void {
    if (this.open === id) this.dismiss();
    else this.show(id);
  }

  show(id: string): void {
    if (this.open === null) {
      const focused = document.activeElement;
      this.#before = focused instanceof HTMLElement && focused !== document.body ? focused : null;
      history.pushState({ moimPanel: id }, "");
    }
    this.open = id;
  }

  dismiss(): void {
    if (this.open === null) return;
    this.open = null;
    if (isOurs(history.state)) history.back();
    this.#giveFocusBack();
  }

  close(): void {
    removeEventListener("popstate", this.#popped);
    if (this.open !== null && isOurs(history.state)) history.back();
    this.open = null;
  }

  #popped = (): void => {
    if (this.open === null) return;
    this.open = null;
    this.#giveFocusBack();
  };

  #giveFocusBack(): void {
    if (this.#before?.isConnected) this.#before.focus();
    this.#before = null;
  }
}

function isOurs(state: unknown): boolean {
  return typeof state === "object" && state !== null && "moimPanel" in state;
}
