import { mount, unmount } from "svelte";
import type { Call } from "../../app/call.svelte.ts";
import * as m from "../../paraglide/messages.js";
import View from "./View.svelte";

/** Source: WICG Document Picture-in-Picture (Chromium from 116). */
interface DocumentPictureInPicture {
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

const SIZE = { width: 360, height: 240 };

const documents = (): DocumentPictureInPicture | undefined =>
  (globalThis as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;

/** Some browsers have a small window for a whole page, others for one video alone. */
export const canShowSmall = (): boolean =>
  documents() !== undefined || document.pictureInPictureEnabled;

/** The call in a small window that stays above other programs. */
export class SmallWindow {
  open = $state(false);
  #end: (() => void) | null = null;

  constructor(private readonly call: Call) {}

  /** To be called by a click. */
  async toggle(): Promise<void> {
    if (this.#end) return this.#end();
    try {
      const pages = documents();
      if (pages) await this.#showPage(pages);
      else await this.#showVideo();
    } catch {
      this.call.notices.show(m.small_window_failed(), { tone: "error", topic: "small window" });
    }
  }

  close(): void {
    this.#end?.();
  }

  async #showPage(pages: DocumentPictureInPicture): Promise<void> {
    const small = await pages.requestWindow(SIZE);
    const { documentElement: here } = document;
    small.document.documentElement.lang = here.lang;
    small.document.title = this.call.room.name;
    for (const sheet of document.querySelectorAll('link[rel="stylesheet"]')) {
      small.document.head.append(sheet.cloneNode());
    }
    const view = mount(View, { target: small.document.body, props: { call: this.call } });
    this.#begin(() => {
      void unmount(view);
      small.close();
    });
    small.addEventListener("pagehide", () => this.#end?.(), { once: true });
  }

  async #showVideo(): Promise<void> {
    const videos = [...document.querySelectorAll<HTMLVideoElement>('[data-testid="tile"] video')];
    const area = ({ clientWidth, clientHeight }: HTMLVideoElement): number =>
      clientWidth * clientHeight;
    const largest = videos.sort((a, b) => area(b) - area(a))[0];
    if (!largest) throw new Error("nobody shows a picture");
    await largest.requestPictureInPicture();
    this.#begin(() => {
      if (document.pictureInPictureElement) void document.exitPictureInPicture();
    });
    largest.addEventListener("leavepictureinpicture", () => this.#end?.(), { once: true });
  }

  #begin(end: () => void): void {
    this.open = true;
    this.#end = () => {
      this.#end = null;
      this.open = false;
      end();
    };
  }
}
