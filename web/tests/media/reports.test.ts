import { expect, test } from "vitest";
import { Reports } from "../../src/media/reports.ts";

const report = new Map() as unknown as RTCStatsReport;
const asking = (getStats: () => Promise<RTCStatsReport>): Reports => new Reports({ getStats });

test("a question is answered with the report", async () => {
  expect(await asking(() => Promise.resolve(report)).ask()).toBe(report);
});

test("a question that is never answered ends with the connection", async () => {
  const reports = asking(() => new Promise(() => undefined));
  const asked = [reports.ask(), reports.ask()];
  reports.close();
  expect(await Promise.all(asked)).toEqual([null, null]);
});

test("there is nothing to ask after the end, nor where the browser refuses", async () => {
  const closed = asking(() => Promise.resolve(report));
  closed.close();
  expect(await closed.ask()).toBeNull();
  expect(await asking(() => Promise.reject(new Error("closed"))).ask()).toBeNull();
});
