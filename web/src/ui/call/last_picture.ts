/**
 * The last picture of somebody whose connection is lost: a tile shows it until there is another.
 *
 * A video turns black when its connection is closed, before the tile hears of it. So the picture is
 * taken when the trouble begins, while it still stands.
 */

/** As sharp as a tile is, and no larger than that in memory. */
const MOST_PX = 1280;

/** What a video shows at this moment; null where it shows nothing. */
export function pictureOf(video: HTMLVideoElement): HTMLCanvasElement | null {
  const { videoWidth, videoHeight } = video;
  if (videoWidth === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
  const scale = Math.min(1, MOST_PX / Math.max(videoWidth, videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Puts a picture into an element; the returned function takes it out. Fits `{@attach}`. */
export function showPicture(element: HTMLElement, picture: HTMLCanvasElement): () => void {
  element.replaceChildren(picture);
  return () => picture.remove();
}
