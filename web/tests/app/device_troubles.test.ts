import { beforeEach, expect, test } from "vitest";
import { DeviceTroubles } from "../../src/app/device_troubles.svelte.ts";
import { DeviceFailure } from "../../src/media/failures.ts";

let troubles: DeviceTroubles;
beforeEach(() => (troubles = new DeviceTroubles()));

test("each device has one trouble, the last one, and none once it was had after all", () => {
  troubles.add("camera", new DeviceFailure("busy", "camera"));
  troubles.add("microphone", new DeviceFailure("missing", "microphone"));
  expect(troubles.add("camera", new Error("unheard of"))).toEqual({
    kind: "failed",
    about: "camera",
  });
  expect(troubles.all).toEqual([
    { kind: "missing", about: "microphone" },
    { kind: "failed", about: "camera" },
  ]);
  troubles.settle("camera");
  expect(troubles.all).toEqual([{ kind: "missing", about: "microphone" }]);
});

test("what is the matter with both is said once", () => {
  troubles.add("camera", new DeviceFailure("busy", "camera"));
  troubles.add("microphone", new DeviceFailure("missing", "microphone"));
  troubles.merge();
  expect(troubles.all).toHaveLength(2);
  troubles.add("microphone", new DeviceFailure("busy", "microphone"));
  troubles.merge();
  expect(troubles.all).toEqual([{ kind: "busy", about: "both" }]);
});

test("a no to the question for both is over with either of them", () => {
  troubles.refused("unsupported");
  expect(troubles.all).toEqual([{ kind: "insecure", about: "both" }]);
  troubles.settle("microphone");
  expect(troubles.all).toEqual([]);
});
