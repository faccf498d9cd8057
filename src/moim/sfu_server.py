"""`moim sfu`: the LiveKit-compatible server alone, from its configuration to its end."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ifaddr

from moim import logs, platform
from moim.listening import LINE_LENGTH_VARIABLE, REQUEST_LINE_BYTES, Listeners, listen
from moim.media.turn import IceServer, TurnAccess, turn_servers
from moim.steps import Say, Stop

if TYPE_CHECKING:
    from moim.sfu.config import SfuConfig

LARGEST_FRAME_BYTES: Final = 2 * 1024 * 1024
PING_EVERY_S: Final = 10
STOP_PATIENCE_S: Final = 1
_LOOPBACK: Final = "127.0.0.1"


def run(
    *,
    config_file: Path | None,
    dev: bool,
    port: int | None,
    say: Say,
    log_level: logs.Level = "info",
) -> int:
    """Serve until a stop signal; gives the exit code of the process.

    Raises: ConfigError, ListenError, EngineMissing, OSError
    """
    # A join_request is a whole session description in the request line. The library that reads
    # the line has its limit from here on, since it looks when it is imported.
    os.environ.setdefault(LINE_LENGTH_VARIABLE, str(REQUEST_LINE_BYTES))
    from moim.sfu.config import DEV_KEYS, read_config

    text = config_file.read_text(encoding="utf-8") if config_file is not None else ""
    config, passed_over = read_config(text, os.environ, dev=dev)
    if port is not None:
        config = config.model_copy(update={"port": port})
    stop = Stop()
    with platform.stop_signals(stop), ExitStack() as closing:
        logs.configure(log_level, "auto")
        logging.getLogger("uvicorn.error").addFilter(_knows_denials)
        platform.raise_open_file_limit()
        if passed_over:
            say(f"This server does not have, and passes over: {', '.join(passed_over)}")
        main = _listen(config.bind_addresses, config.port, closing)
        extra = (
            [_listen(config.bind_addresses, config.prometheus_port, closing)]
            if config.prometheus_port
            else []
        )
        config = config.model_copy(update={"port": main[0].port})
        sockets = [sock for found in (main, *extra) for each in found for sock in each.tcp]
        keys = DEV_KEYS if config.keys == DEV_KEYS else None
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(config, sockets, stop, say, keys))


def _knows_denials(record: logging.LogRecord) -> bool:
    """uvicorn reports each refused upgrade as an error of ours, though the answer went out."""
    return not str(record.msg).startswith("ASGI callable returned without completing handshake")


def _listen(addresses: Sequence[str], port: int, closing: ExitStack) -> list[Listeners]:
    found = []
    for address in addresses:
        listeners = listen(address, port)
        closing.callback(listeners.close)
        port = listeners.port
        found.append(listeners)
    return found


async def _serve(
    config: "SfuConfig", sockets: list[Any], stop: Stop, say: Say, dev_keys: dict[str, str] | None
) -> int:
    import uvicorn

    from moim.sfu.running import Sfu

    advertise, bind = media_addresses(config)
    tcp = tcp_addresses(config, bind)
    sfu = Sfu(config, bind=bind, advertise=advertise, tcp=tcp, relays=relays_of(config))
    try:
        server = uvicorn.Server(uvicorn_config(sfu.app))
        stop.server = server
        server.should_exit = stop.wanted
        host = _LOOPBACK if "0.0.0.0" in config.bind_addresses else config.bind_addresses[0]  # noqa: S104
        say(f"Serving LiveKit clients on ws://{host}:{config.port}{config.path}")
        say(f"Media on UDP {_listed(sfu.candidates)}")
        if sfu.tcp_candidates:
            say(f"Without UDP, on TCP {_listed(sfu.tcp_candidates)}")
        if dev_keys is not None:
            say(
                "Development keys: API key devkey, secret secret. Use your own for everything else."
            )
        say("Ctrl-C stops it.")
        serving = asyncio.create_task(server.serve(sockets))
        await _until_it_stops(server, serving, sfu)
    finally:
        await sfu.close()
    return 0


def _listed(addresses: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{ip}:{port}" for ip, port in addresses)


async def _until_it_stops(server: Any, serving: "asyncio.Task[None]", sfu: Any) -> None:
    """Say farewell while the connections are open, so that clients know to come back."""
    while not serving.done():
        if server.should_exit:
            sfu.hub.close()
            break
        await asyncio.wait((serving,), timeout=0.1)
    await serving


def uvicorn_config(app: Any) -> Any:
    """Say how uvicorn is to serve the app."""
    os.environ.setdefault(LINE_LENGTH_VARIABLE, str(REQUEST_LINE_BYTES))
    import uvicorn

    return uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME_BYTES,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=2 * PING_EVERY_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_PATIENCE_S,
    )


def _loop_factory() -> Any:
    import uvicorn

    return uvicorn.Config("", log_config=None).get_loop_factory()


def relays_of(config: "SfuConfig") -> Callable[[str], list[IceServer]]:
    """Sign credentials for the configured TURN servers that share a secret with us."""
    accesses = [
        TurnAccess((turn.url,), turn.secret, turn.ttl)
        for turn in config.rtc.turn_servers
        if turn.secret
    ]
    return lambda sid: [
        server for access in accesses for server in turn_servers(access, sid, time.time())
    ]


def media_addresses(config: "SfuConfig") -> tuple[list[str], list[tuple[str, int]]]:
    """Choose the addresses that clients are told to send media to, and those bound for it.

    A server that listens on this machine alone needs no other; otherwise it is every address of
    the machine, or those that are configured (`rtc.node_ip`) where a router stands in front. IPv6
    is bound where there is an address to be told.
    """
    if config.rtc.node_ip:
        advertise = [str(address) for address in config.rtc.node_ip]
    else:
        advertise = own_addresses()
        if set(config.bind_addresses) <= {_LOOPBACK, "localhost", "::1"}:
            advertise = [_LOOPBACK, *advertise]
        advertise = advertise or [_LOOPBACK]
    families = (("0.0.0.0", "."), ("::", ":"))  # noqa: S104
    bind = [
        (everywhere, config.rtc.udp_port)
        for everywhere, sign in families
        if any(sign in address for address in advertise)
    ]
    return advertise, bind


def tcp_addresses(config: "SfuConfig", bind: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Choose where clients without UDP connect, beside the UDP addresses that are bound."""
    port = config.rtc.tcp_port
    return [] if port == 0 else [(address, port or 0) for address, _ in bind]


def own_addresses() -> list[str]:
    """List the machine's addresses that others can reach, IPv4 first."""
    found = [
        ip_address(address.ip if isinstance(address.ip, str) else address.ip[0])
        for adapter in ifaddr.get_adapters()
        for address in adapter.ips
    ]
    reachable = [one for one in found if not (one.is_loopback or one.is_link_local)]
    return [str(one) for one in sorted(set(reachable), key=lambda one: (one.version, one))]
