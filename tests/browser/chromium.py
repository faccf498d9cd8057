"""The Chromium that the browser tests drive, with devices that need nobody in front of them."""

import os
import shutil
import sys
from collections.abc import Mapping

from playwright.async_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Small pictures: several encoders and decoders share two cores.
CAMERA = {"width": 320, "height": 180, "frameRate": 10}

ARGUMENTS = [
    f"--use-fake-device-for-media-stream=device-count=3,fps={CAMERA['frameRate']}",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Addresses as they are: a closed network has nobody who answers for `<uuid>.local`.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    # There is none: what would be drawn by an imitation of one is drawn by the processor at once.
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # A second window is behind the first; its timers and its pictures must go on all the same.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]

# The connections of a page are kept, so that a test can ask them for their statistics.
KEEP_PEERS = """
  const peers = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(...given) {
      super(...given);
      peers.push(this);
    }
  };
  Object.defineProperty(window, "testPeers", { value: peers });
"""

# Runs in each page before its own program, which is given small pictures of the camera whatever it
# would like.
# The second of Chromium's fake cameras measures depth, which no call can send: it is left out.
BEFORE = """
(() => {
KEEP_PEERS
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const list = devices.enumerateDevices.bind(devices);
  devices.enumerateDevices = async () => {
    const found = await list();
    const depth = found.filter(({ kind }) => kind === "videoinput")[1];
    return found.filter((device) => device !== depth);
  };
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wish = {}) => {
    if (!wish.video) return ask(wish);
    const kept = wish.video === true ? {} : wish.video;
    return ask({ ...wish, video: { ...kept, ...CAMERA } });
  };
})();
""".replace("KEEP_PEERS", KEEP_PEERS)


def prepare(camera: Mapping[str, int]) -> str:
    """That program, with pictures of this size."""
    return BEFORE.replace("CAMERA", str(dict(camera)))


PREPARE = prepare(CAMERA)


def program() -> str:
    """`make test` names it in `CHROMIUM`; a test started by hand looks for itself."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found is not None, "no Chromium: make test installs one, or CHROMIUM names it"
    return found


def arguments(*more: str, without: str = "") -> list[str]:
    """What each Chromium of ours is started with."""
    given = [argument for argument in (*ARGUMENTS, *more) if argument != without]
    if sys.platform != "win32" and os.geteuid() == 0:
        # Chromium's own sandbox refuses to run as root, which is who runs tests in a container.
        given.append("--no-sandbox")
    return given


async def launch(
    playwright: Playwright, *more: str, without: str = "", executable: str | None = None
) -> Browser:
    """Start it with further arguments, and without one; `executable` stands for another program."""
    given = arguments(*more, without=without)
    return await playwright.chromium.launch(executable_path=executable or program(), args=given)
