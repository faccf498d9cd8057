"""The configuration of coturn, Debian's TURN server, with what keeps it from being misused.

Written for 4.6.1 (Debian 12) and newer; what only one of them knows the other passes over with a
warning.

How coturn reads a range of addresses decides how the policy is written down (4.6.1, and still in
4.17 for the second):
- It compares IPv6 addresses byte by byte instead of as numbers. The range of a whole network means
  the same either way, any other range does not. So only whole networks are written.
- A range that begins at `::` has no beginning, and holds every IPv4 address too. So a network that
  begins there is written as ranges that begin behind it; `::` alone coturn refuses by itself.
- An allowed range is asked first and wins. So nothing may be allowed that the machine itself is.
- An `external-ip` with a private part turns peers at the public address into the private one
  before they are asked about. So that one is allowed, or two relayed people could not meet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Final, Literal

from moim.media.turn.policy import Network, denied_networks

NEVER_ALLOWED: Final = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "::/3",
        "fe80::/10",
        "ff00::/8",
    )
)
"""What no option opens: the machine itself, its link with its metadata, and groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoturnOptions:
    """What an operator can choose. Rates are in bytes a second, as coturn has them."""

    secret: str
    realm: str
    port: int = 3478
    tls_port: int = 5349
    cert: Path | None = None
    key: Path | None = None
    """Without a certificate there is no `turns:`."""
    listening_ips: tuple[str, ...] = ()
    relay_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    """The public address of a machine behind a 1:1 NAT, as `public` or `public/private`."""
    min_port: int = 49_152
    max_port: int = 65_535
    user_quota: int = 100
    """Relayed addresses of one participant: one for each other person, network and `turn:` URL."""
    total_quota: int = 2_000
    user_bytes_per_s: int = 1_000_000
    """For one relayed address; the bulk of a mesh call's picture is a quarter of it."""
    total_bytes_per_s: int = 0
    """For all, and shared out in whole `user_bytes_per_s`; 0 is no limit."""
    family: Literal["ipv4", "ipv6", "keep"] = "ipv4"
    """Of relayed addresses when a client does not say. RFC 8656 says IPv4; `keep` takes the one
    that the client came over, for a server that has IPv6 alone."""
    allow: tuple[str, ...] = ()
    """Addresses or networks that may be relayed to against the policy: an SFU, a LAN."""
    deny: tuple[str, ...] = ()
    """More that may not: the machine's own services, for one."""
    log: str = "syslog"
    """`syslog`, `stdout` or a file."""
    state_dir: Path | None = None
    """Where coturn keeps its process id and its database, instead of the system's folders."""


def coturn_config(options: CoturnOptions) -> str:
    """Write a whole `turnserver.conf`. It holds the secret: keep it from other accounts.

    Raises: ValueError in words for the operator, for an option that cannot be written down.
    """
    return "".join(f"{line}\n" for line in _lines(options))


def _lines(options: CoturnOptions) -> Iterator[str]:
    yield "# coturn for moim, written by `moim turn-config`. Keep it private: the secret is inside."
    yield ""
    yield "# Who may use it: credentials that moim signs with the shared secret, for a short time."
    yield "use-auth-secret"
    yield f"static-auth-secret={_plain('the secret', options.secret)}"
    yield f"realm={_plain('the realm', options.realm)}"
    yield "stale-nonce=600"
    yield "fingerprint"
    yield ""
    yield from _listening(options)
    yield ""
    yield from _limits(options)
    yield ""
    yield from _closed_doors()
    yield ""
    yield from _peers(options)
    yield ""
    yield from _files(options)


def _listening(options: CoturnOptions) -> Iterator[str]:
    yield "# Where it listens, and the UDP ports that it relays with: let the firewall pass them."
    yield f"listening-port={_port(options.port)}"
    yield from (f"listening-ip={_address(one)}" for one in options.listening_ips)
    yield from (f"relay-ip={_address(one)}" for one in options.relay_ips)
    for external in options.external_ips:
        yield f"external-ip={'/'.join(_address(part) for part in _external(external))}"
    if options.min_port > options.max_port:
        raise ValueError(f"ports from {options.min_port} to {options.max_port} are none")
    yield f"min-port={_port(options.min_port)}"
    yield f"max-port={_port(options.max_port)}"
    yield f"allocation-default-address-family={options.family}"
    if (options.cert is None) != (options.key is None):
        raise ValueError("TLS needs both: a certificate and its key")
    if options.cert is None or options.key is None:
        yield "no-tls"
    else:
        yield f"tls-listening-port={_port(options.tls_port)}"
        yield f"cert={_plain('the certificate', str(options.cert))}"
        yield f"pkey={_plain('the key', str(options.key))}"
        yield "# Newer versions leave these two out by themselves, and pass over the lines."
        yield "no-tlsv1"
        yield "no-tlsv1_1"
    yield "no-dtls"


def _limits(options: CoturnOptions) -> Iterator[str]:
    yield "# Limits: relayed addresses of one participant and of all; bytes a second for each."
    yield f"user-quota={_count(options.user_quota)}"
    yield f"total-quota={_count(options.total_quota)}"
    yield f"max-bps={_count(options.user_bytes_per_s)}"
    if options.total_bytes_per_s:
        yield f"bps-capacity={_count(options.total_bytes_per_s)}"


def _closed_doors() -> Iterator[str]:
    yield "# No console, no web page, no users or addresses from a database, nothing that makes an"
    yield "# answer larger than it must be, UDP alone behind the relay. The web page is off unless"
    yield "# `web-admin` is written here."
    yield "no-cli"
    yield "no-dynamic-ip-list"
    yield "no-dynamic-realms"
    yield "no-rfc5780"
    yield "no-stun-backward-compatibility"
    yield "no-software-attribute"
    yield "no-tcp-relay"


def _peers(options: CoturnOptions) -> Iterator[str]:
    yield "# Where it relays to: the public internet, and nothing else."
    yield "no-multicast-peers"
    for network in (*denied_networks(), *map(_network, options.deny)):
        yield from (f"denied-peer-ip={one}" for one in ranges(network))
    allowed = [_allowed(one) for one in options.allow]
    for external in options.external_ips:
        # The other end of a call may be relayed by this server as well.
        allowed += [_network(part) for part in _external(external)[1:]]
    if allowed:
        yield "# Beside it, as asked for. Newer versions refuse fc00::/7 even so."
        for network in allowed:
            yield from (f"allowed-peer-ip={one}" for one in ranges(network))


def _files(options: CoturnOptions) -> Iterator[str]:
    yield "# Where it writes."
    match options.log:
        case "syslog":
            yield "syslog"
        case "stdout":
            yield "log-file=stdout"
        case file:
            yield f"log-file={_plain('the log file', file)}"
            yield "simple-log"
    if options.state_dir is not None:
        folder = _plain("the folder", str(options.state_dir))
        yield f"pidfile={folder}/turnserver.pid"
        yield f"userdb={folder}/turndb"


def ranges(network: Network) -> Iterator[str]:
    """Write a network as the ranges `first-last` that coturn reads as just that network.

    `::` itself is left out of networks that begin with it (see the module's text).
    """
    first, last = network.network_address, network.broadcast_address
    if isinstance(network, IPv4Network) or int(first):
        yield str(first) if first == last else f"{first}-{last}"
        return
    for place, largest in enumerate(last.packed):
        if largest:
            behind = 15 - place
            low = bytes(place) + b"\x01" + bytes(behind)
            high = bytes(place) + bytes((largest,)) + b"\xff" * behind
            yield f"{ip_address(low)}-{ip_address(high)}"


def _network(value: str) -> Network:
    try:
        return ip_network(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is no address or network; write 10.0.0.5 or 10.0.0.0/8"
        ) from None


def _allowed(value: str) -> Network:
    network = _network(value)
    for never in NEVER_ALLOWED:
        if network.version == never.version and network.overlaps(never):
            raise ValueError(f"{value} holds {never}: a machine, its link or a group, never opened")
    return network


def _external(value: str) -> list[str]:
    parts = value.split("/")
    if len(parts) > 2:
        raise ValueError(f"{value!r}: write the public address, or public/private")
    return parts


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is no address; write 203.0.113.5 or 2001:db8::5") from None


def _plain(what: str, value: str) -> str:
    # coturn ends a value at a line's end, and takes neither quotes nor spaces around it.
    if not value or not re.fullmatch(r"[!-~]+", value) or value[0] in "\"'#":
        raise ValueError(f"{what} must be printable ASCII without spaces or quotes in front")
    return value


def _port(value: int) -> int:
    if not 1 <= value <= 65_535:
        raise ValueError(f"{value} is no port")
    return value


def _count(value: int) -> int:
    if value < 1:
        raise ValueError(f"{value} is no limit; write 1 or more")
    return value
