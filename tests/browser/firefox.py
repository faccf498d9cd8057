"""Debian's Firefox, driven over WebDriver BiDi: Playwright drives only a Firefox of its own.

Source: W3C WebDriver BiDi (session, browsingContext, script, input).
"""

import asyncio
import itertools
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from tests.browser.chromium import KEEP_PEERS
from tests.browser.person import until

START_S: Final = 60.0
ANSWER_S: Final = 60.0

# Fake devices, no questions, addresses as they are, and nothing that calls home.
PREFERENCES: Final[Mapping[str, object]] = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "intl.accept_languages": "en-GB",
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://localhost:9/",
    "toolkit.telemetry.enabled": False,
}

# As in `chromium.PREPARE`: connections that a test can ask, and a small camera.
PREPARE: Final = """
() => {
KEEP_PEERS
  window.testErrors = [];
  addEventListener("error", (event) => window.testErrors.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => window.testErrors.push(String(event.reason)));
  addEventListener("securitypolicyviolation", (event) => window.testErrors.push(event.blockedURI));
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wish = {}) => {
    if (!wish.video) return ask(wish);
    const kept = wish.video === true ? {} : wish.video;
    return ask({ ...wish, video: { ...kept, width: 320, height: 180, frameRate: 10 } });
  };
}
""".replace("KEEP_PEERS", KEEP_PEERS)


class BidiError(Exception):
    """Firefox refused a command, or a script in the page threw."""


class Firefox:
    """One process with a profile of its own; `page` gives somebody a cookie jar of their own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._profile = folder / "firefox"
        self._log = folder / "firefox.log"
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def start(self) -> None:
        self._profile.mkdir()
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        (self._profile / "user.js").write_text("\n".join(lines) + "\n", encoding="utf-8")
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(self._program, "--headless", "--no-remote", "--remote-debugging-port=0"),
                *("--profile", str(self._profile)),
                # A home that belongs to somebody else is refused.
                env={**os.environ, "HOME": str(self._profile)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        address: list[str] = []

        async def listens() -> bool:
            said = self._log.read_text(encoding="utf-8", errors="replace")
            assert self._process.returncode is None, said
            address[:] = re.findall(r"BiDi listening on (ws://\S+)", said)
            return bool(address)

        await until(listens, "Firefox to listen", START_S)
        self._socket: ClientConnection = await connect(f"{address[0]}/session", max_size=None)
        self._reading = asyncio.create_task(self._read())
        await self.command("session.new", capabilities={})
        await self.command("script.addPreloadScript", functionDeclaration=PREPARE)

    async def close(self) -> None:
        with suppress(BidiError, TimeoutError, OSError):
            await self.command("session.end")
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()
        with suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def page(self) -> "FirefoxPage":
        person = await self.command("browser.createUserContext")
        made = await self.command(
            "browsingContext.create", type="tab", userContext=person["userContext"]
        )
        return FirefoxPage(self, made["context"])

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(ANSWER_S):
            result: dict[str, Any] = await answer
        return result

    async def _read(self) -> None:
        async for message in self._socket:
            heard = json.loads(message)
            answer = self._waiting.pop(heard.get("id", 0), None)
            if answer is None or answer.done():
                continue
            if heard["type"] == "error":
                answer.set_exception(BidiError(f"{heard['error']}: {heard['message']}"))
            else:
                answer.set_result(heard["result"])


class FirefoxPage:
    """One tab. What is said of it is asked of the page itself; clicks and keys are real ones."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    async def open(self, address: str) -> None:
        await self._firefox.command(
            "browsingContext.navigate", context=self._context, url=address, wait="complete"
        )

    async def evaluate(self, function: str) -> Any:
        """Call a function of the page's and give what it returns, as JSON would."""
        result = await self._firefox.command(
            "script.callFunction",
            functionDeclaration=f"async () => JSON.stringify((await ({function})()) ?? null)",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=False,
        )
        if result["type"] == "exception":
            raise BidiError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])

    async def click(self, test_id: str) -> None:
        place = {"type": "element", "element": await self._find(test_id)}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": place},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._perform({"type": "pointer", "id": "mouse", "actions": moves})

    async def write(self, text: str) -> None:
        """Type into what has the focus; `\\ue007` is Enter (WebDriver's number for it)."""
        keys = [{"type": kind, "value": one} for one in text for kind in ("keyDown", "keyUp")]
        await self._perform({"type": "key", "id": "keyboard", "actions": keys})

    async def _perform(self, actions: dict[str, Any]) -> None:
        await self._firefox.command(
            "input.performActions", context=self._context, actions=[actions]
        )

    async def _find(self, test_id: str) -> dict[str, str]:
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            answer = await self._firefox.command(
                "browsingContext.locateNodes",
                context=self._context,
                locator={"type": "css", "value": f'[data-testid="{test_id}"]'},
            )
            found[:] = answer["nodes"]
            return bool(found)

        await until(there, f"{test_id} in Firefox")
        return {"sharedId": found[0]["sharedId"]}
