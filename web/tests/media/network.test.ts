// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchNetwork } from "../../src/media/network";

class FakeConnection extends EventTarget {
  type = "wifi";
  become(type: string): void {
    this.type = type;
    this.dispatchEvent(new Event("change"));
  }
}

const connection = new FakeConnection();
beforeEach(() => {
  vi.useFakeTimers();
  connection.type = "wifi";
  Object.defineProperty(navigator, "connection", { value: connection, configurable: true });
});
afterEach(() => vi.useRealTimers());

test("from Wi-Fi to mobile is one change, however often it is said", () => {
  const changed = vi.fn();
  const stop = watchNetwork(changed);
  connection.become("none");
  connection.become("cellular");
  dispatchEvent(new Event("online"));
  vi.advanceTimersByTime(1_000);
  expect(changed).toHaveBeenCalledTimes(1);
  stop();
});

test("another estimate of the speed is no change", () => {
  const changed = vi.fn();
  const stop = watchNetwork(changed);
  connection.become("wifi");
  vi.advanceTimersByTime(1_000);
  expect(changed).not.toHaveBeenCalled();
  stop();
});

test("nobody is told after the end", () => {
  const changed = vi.fn();
  const stop = watchNetwork(changed);
  dispatchEvent(new Event("online"));
  stop();
  connection.become("cellular");
  dispatchEvent(new Event("online"));
  vi.advanceTimersByTime(1_000);
  expect(changed).not.toHaveBeenCalled();
});
