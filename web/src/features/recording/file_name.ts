/** What a recording is called: the room, and when it began by the clock of who records. */
export function fileName(room: string, type: string, began: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${began.getFullYear()}-${two(began.getMonth() + 1)}-${two(began.getDate())}`;
  const time = `${two(began.getHours())}.${two(began.getMinutes())}`;
  // What no file system refuses; a name of such letters alone is left out.
  const plain = room.replace(/[\\/:*?"<>|\p{Cc}]/gu, " ").trim();
  const ending = type.includes("mp4") ? "mp4" : "webm";
  return `${[plain, day, time].filter(Boolean).join(" ")}.${ending}`;
}
