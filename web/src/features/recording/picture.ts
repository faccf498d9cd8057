import type { Call } from "../../app/call.svelte.ts";
import { hueOf, initialsOf } from "../../ui/tint.ts";

const WIDTH = 1280;
const HEIGHT = 720;
const FRAMES_PER_S = 15;
const LABEL_PX = 22;
const MARGIN_PX = 10;

function inks(): Record<"ground" | "tile" | "text" | "label" | "labelText" | "font", string> {
  const style = getComputedStyle(document.documentElement);
  const of = (token: string): string => style.getPropertyValue(token);
  return {
    ground: of("--call-ground"),
    tile: of("--call-tile"),
    text: of("--call-text"),
    label: of("--label"),
    labelText: of("--label-text"),
    font: of("--font"),
  };
}

/** The picture of a recording: the stage as this page lays it out, on a canvas of 1280 x 720. */
export class Picture {
  readonly stream: MediaStream;
  readonly #canvas: HTMLCanvasElement;
  /** Read once: the call has one look in both themes. */
  readonly #ink = inks();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(private readonly call: Call) {
    this.#canvas = document.createElement("canvas");
    this.#canvas.width = WIDTH;
    this.#canvas.height = HEIGHT;
    this.#draw();
    this.stream = this.#canvas.captureStream(FRAMES_PER_S);
    this.#timer = setInterval(() => this.#draw(), 1000 / FRAMES_PER_S);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const track of this.stream.getTracks()) track.stop();
  }

  #draw(): void {
    const pen = this.#canvas.getContext("2d");
    const stage = document.querySelector<HTMLElement>('[data-testid="stage"]');
    if (!pen || !stage) return;
    pen.fillStyle = this.#ink.ground;
    pen.fillRect(0, 0, WIDTH, HEIGHT);
    const whole = stage.getBoundingClientRect();
    if (whole.width === 0) return;
    const scale = Math.min(WIDTH / whole.width, HEIGHT / whole.height);
    const left = (WIDTH - whole.width * scale) / 2;
    const top = (HEIGHT - whole.height * scale) / 2;
    for (const tile of stage.querySelectorAll<HTMLElement>('[data-testid="tile"]')) {
      const box = tile.getBoundingClientRect();
      const x = left + (box.left - whole.left) * scale;
      const y = top + (box.top - whole.top) * scale;
      this.#tile(pen, tile, x, y, box.width * scale, box.height * scale);
    }
  }

  #tile(
    pen: CanvasRenderingContext2D,
    tile: HTMLElement,
    x: number,
    y: number,
    width: number,
    height: number,
  ): void {
    const identity = tile.dataset["identity"] ?? "";
    const name = this.call.nameOf(identity);
    const video = tile.querySelector("video");
    pen.save();
    pen.beginPath();
    pen.roundRect(x, y, width, height, 12);
    pen.clip();
    pen.fillStyle = this.#ink.tile;
    pen.fillRect(x, y, width, height);
    if (video && video.videoWidth > 0) {
      const cover = tile.dataset["source"] !== "screen_share";
      const fit = (cover ? Math.max : Math.min)(
        width / video.videoWidth,
        height / video.videoHeight,
      );
      const w = video.videoWidth * fit;
      const h = video.videoHeight * fit;
      pen.drawImage(video, x + (width - w) / 2, y + (height - h) / 2, w, h);
    } else {
      pen.fillStyle = `oklch(0.4 0.075 ${hueOf(identity)})`;
      pen.beginPath();
      pen.arc(x + width / 2, y + height / 2, Math.min(width, height) * 0.21, 0, 2 * Math.PI);
      pen.fill();
      pen.fillStyle = this.#ink.text;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.font = `600 ${Math.min(width, height) * 0.15}px ${this.#ink.font}`;
      pen.fillText(initialsOf(name), x + width / 2, y + height / 2);
    }
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.font = `${LABEL_PX * 0.7}px ${this.#ink.font}`;
    pen.fillStyle = this.#ink.label;
    const letters = Math.min(pen.measureText(name).width, width - 4 * MARGIN_PX);
    pen.fillRect(
      x + MARGIN_PX,
      y + height - MARGIN_PX - LABEL_PX,
      letters + 2 * MARGIN_PX,
      LABEL_PX,
    );
    pen.fillStyle = this.#ink.labelText;
    pen.fillText(name, x + 2 * MARGIN_PX, y + height - MARGIN_PX - 6, width - 4 * MARGIN_PX);
    pen.restore();
  }
}
