"""Where people reach moim, and how that is said at the start."""

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from moim import platform
from moim.front import secure_origin
from moim.own_sfu import missing as sfu_missing
from moim.settings import Settings
from moim.steps import Say, Steps

if TYPE_CHECKING:
    from moim.front import Front
    from moim.lan_front import LanFront

ADDRESS_FILE: Final = "address"  # in the data folder, for `moim rooms`


def own_url(settings: Settings) -> str:
    """Give the address of moim for links: the public one, or the one on this machine."""
    if settings.public_url:
        return settings.public_url + settings.root_path
    if settings.domain:
        return secure_origin(settings.domain[0], settings.port) + settings.root_path
    host = settings.host
    if host in ("0.0.0.0", "::", "*", "127.0.0.1", "::1"):  # noqa: S104 - compared, not bound
        host = "localhost"
    if settings.cert is not None:
        return secure_origin(host, settings.port) + settings.root_path
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{settings.root_path}"


def last_url(settings: Settings) -> str:
    """Give the address that a server of this data folder was last reached at: `moim rooms` is
    another process, and knows neither its --port nor its certificate."""
    if settings.public_url or settings.domain:
        return own_url(settings)
    with suppress(OSError):
        kept = (settings.data_dir / ADDRESS_FILE).read_text(encoding="utf-8").strip()
        if kept.startswith(("http://", "https://")):
            return kept
    return own_url(settings)


def last_port(settings: Settings) -> int:
    """Give the port of this machine that a server of this data folder last had."""
    if settings.public_url or settings.domain:
        return settings.port
    return urlsplit(last_url(settings)).port or settings.port


def _keep_url(settings: Settings, url: str) -> None:
    # A full disk is no reason not to serve.
    with suppress(OSError):
        (settings.data_dir / ADDRESS_FILE).write_text(url + "\n", encoding="utf-8")


def say_addresses(
    settings: Settings, steps: Steps, certified: "LanFront | None", front: "Front | None"
) -> None:
    """Say that moim is ready, and where people open it."""
    steps.done()
    steps.say("")
    url = own_url(settings)
    if front is not None and front.names and not settings.public_url:
        url = secure_origin(front.names[0], settings.port) + settings.root_path
    _keep_url(settings, url)
    steps.say(f"Open  {url}")
    if certified is not None:
        _say_lan(settings, steps.say, certified)
    reason = sfu_missing() if settings.sfu and settings.livekit_url is None else None
    if reason is not None:
        steps.say(reason[0].upper() + reason[1:])
    steps.say("Ctrl-C stops moim.")


def _say_lan(settings: Settings, say: Say, certified: "LanFront") -> None:
    from moim import lan, qr

    urls = lan.lan_urls(certified.host, settings.port, settings.root_path)
    say("On this network")
    for url in urls:
        say(f"      {url}")
    say("")
    # Only HTTPS is ever in a code: a phone that opens plain HTTP has no camera.
    say(qr.terminal(urls[0], colour=platform.colour_terminal()))
    say(lan.WARNING_TEXT)
    say("`moim trust` shows how a device learns to trust it, without the warning.")
    say("")
