import { expect, test } from "vitest";
import { SilenceWatch } from "../../src/media/silence";

/** Looks every 250 ms; `heard` says what the newest packet is at a time. */
function listen(
  until_ms: number,
  heard: (now_ms: number) => number | null,
  expects: (now_ms: number) => boolean = () => true,
): string[] {
  const log: string[] = [];
  let now_ms = 0;
  const watch = new SilenceWatch(
    { heard: () => heard(now_ms), expects: () => expects(now_ms) },
    {
      doubt: () => log.push(`doubt ${String(now_ms)}`),
      silent: () => log.push(`silent ${String(now_ms)}`),
      flow: (again) => {
        if (again) log.push(`again ${String(now_ms)}`);
      },
    },
  );
  for (; now_ms <= until_ms; now_ms += 250) watch.look(now_ms);
  return log;
}

test("two seconds without anything are a silence, said once", () => {
  expect(listen(60_000, (now_ms) => Math.min(now_ms, 5_000))).toEqual([
    "doubt 6000",
    "silent 7000",
  ]);
});

test("what never spoke is not missed", () => {
  expect(listen(60_000, () => null)).toEqual([]);
});

test("the pauses of a sound that is not transmitted are no silence", () => {
  expect(listen(60_000, (now_ms) => now_ms - (now_ms % 500))).toEqual([]);
});

test("who turned everything off is not missed either", () => {
  const off = (now_ms: number): boolean => now_ms < 5_000;
  expect(listen(60_000, (now_ms) => Math.min(now_ms, 5_000), off)).toEqual([]);
});

test("a silence after another is said again", () => {
  const heard = (now_ms: number): number => (now_ms < 20_000 ? Math.min(now_ms, 5_000) : 20_000);
  expect(listen(60_000, heard)).toEqual([
    "doubt 6000",
    "silent 7000",
    "again 20000",
    "doubt 21000",
    "silent 22000",
  ]);
});

test("a second of silence is a doubt until something arrives again", () => {
  let heard = 1;
  const none = (): void => undefined;
  const watch = new SilenceWatch(
    { heard: () => heard, expects: () => true },
    { doubt: none, silent: none, flow: none },
  );
  watch.look(0);
  watch.look(900);
  expect(watch.doubtful).toBe(false);
  watch.look(1_000);
  expect(watch.doubtful).toBe(true);
  heard = 2;
  watch.look(1_250);
  expect(watch.doubtful).toBe(false);
});
