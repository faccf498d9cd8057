"""The SFU: is there one, does a LiveKit server take moim's key, is the port for media free, does
the address answer at which browsers reach it."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from moim.doctor.finding import BAD, NOTE, OK, Finding
from moim.listening import ListenError, listen_udp
from moim.meeting.errors import Unavailable
from moim.own_sfu import PATH, missing
from moim.settings import Settings, variable_of

WHAT: Final = "media server"
OWN_ADDRESS: Final = "own address"
PATIENCE_S: Final = 8
NOBODY: Final = "moim-doctor"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at what meetings of many people move to."""
    if settings.livekit_url is not None:
        yield await _elsewhere(settings, settings.livekit_url)
    elif not settings.sfu:
        yield Finding(NOTE, WHAT, f"off ({variable_of('sfu')}): calls go browser to browser.")
    elif settings.redis_url is not None and settings.node is None:
        yield Finding(
            NOTE,
            WHAT,
            f"several servers each have one with a name of their own ({variable_of('node')}), or "
            f"share a LiveKit server ({variable_of('livekit_url')}). Until then calls go browser "
            "to browser.",
        )
    else:
        yield await asyncio.to_thread(_own, settings)
        if settings.node_public_url is not None and missing() is None:
            yield await _own_address(settings.node_public_url, settings.root_path)


def _own(settings: Settings) -> Finding:
    reason = missing()
    if reason is not None:
        return Finding(NOTE, WHAT, f"{reason}.")
    port = settings.sfu_udp_port
    try:
        for one in listen_udp("0.0.0.0", port):  # noqa: S104 - where media comes in
            one.close()
    except ListenError:
        return Finding(
            NOTE,
            WHAT,
            f"UDP port {port} is in use, by a moim that runs or by another program; moim would "
            f"take any free one, which a firewall does not know. {variable_of('sfu_udp_port')} "
            "names another.",
        )
    open_it = "" if port == 0 else f" UDP port {port} must be open for who is not on this machine."
    return Finding(OK, WHAT, f"moim's own.{open_it}")


async def _own_address(url: str, root_path: str) -> Finding:
    """Ask the SFU how it is where browsers would; they go by the proxy where nobody answers."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"{url}{root_path}{PATH}/") as answer,
        ):
            # Any web server answers something.
            is_sfu = answer.status == HTTPStatus.OK and await answer.text() == "OK"
    except aiohttp.ClientConnectorCertificateError:
        words = f"browsers refuse the certificate of {url}, and go by the proxy. Renew it there."
        return Finding(BAD, OWN_ADDRESS, words)
    except (aiohttp.ClientError, TimeoutError):
        words = f"{url} is not reached from here: start moim, then ask again."
        return Finding(NOTE, OWN_ADDRESS, words)
    if not is_sfu:
        words = f"{url} leads to something else. Browsers try it, and then go by the proxy."
        return Finding(BAD, OWN_ADDRESS, words)
    return Finding(OK, OWN_ADDRESS, f"{url} leads to a media server of moim's")


async def _elsewhere(settings: Settings, url: str) -> Finding:
    key, secret = settings.livekit_api_key, settings.livekit_api_secret
    host = urlsplit(url).netloc
    try:
        from moim.media.places import OnePlace
        from moim.media.sfu import SfuPlane
    except ModuleNotFoundError:
        words = "moim cannot speak to a LiveKit server: `pip install 'moim[sfu]'`."
        return Finding(BAD, WHAT, words)
    assert key is not None  # noqa: S101 - the settings demand both
    assert secret is not None  # noqa: S101
    plane = SfuPlane(OnePlace(url, lambda: url), key, secret.get_secret_value())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await plane.present(NOBODY)
    except (Unavailable, TimeoutError) as error:
        return Finding(
            BAD,
            WHAT,
            f"{host} does not answer moim ({str(error) or 'too late'}): check "
            f"{variable_of('livekit_url')}, that the key is one of its own, and the clocks.",
        )
    finally:
        await plane.stop()
    return Finding(
        OK,
        WHAT,
        f"{host} takes moim's key. Its webhooks must go to <moim>/api/livekit/webhook.",
    )
