"""Home routers: what each kind of network address translation lets pass, as rules for nft.

Mapping is under which address and port an inside socket is seen, filtering is who may answer it.
Linux keeps the port where it can, and answers only to whom was spoken to: that is the common home
router ("endpoint-independent mapping, address and port-dependent filtering"), and the others are
made from it.

What is meant for nobody inside is dropped, not refused: a refusal would be a connection of the
router itself, and take the port from the one that it was meant for.

Source: RFC 4787 sections 4.1 and 5, RFC 3489 section 5 for the old names, nft(8).
"""

from enum import StrEnum
from typing import Final

LAN: Final = "lan"
WAN: Final = "wan"


class Kind(StrEnum):
    """How a home reaches the internet."""

    FULL_CONE = "full cone"
    RESTRICTED = "restricted cone"
    PORT_RESTRICTED = "port-restricted cone"
    SYMMETRIC = "symmetric"
    UDP_BLOCKED = "UDP blocked"
    ONLY_443 = "only TCP 443"
    IPV6_ONLY = "IPv6 only"


_OUT: Final = f'iifname "{LAN}" oifname "{WAN}"'
_IN: Final = f'iifname "{WAN}" udp dport 1024-65535'
_BACK: Final = "ct state established,related accept"
_KEEP_PORT: Final = f'oifname "{WAN}" meta nfproto ipv4 masquerade'


def rules(kind: Kind, inside: str) -> str:
    """The ruleset of a router; `inside` is the address that a cone forwards to."""
    match kind:
        case Kind.FULL_CONE:
            forward = [_BACK, f"{_OUT} accept", "ct status dnat accept"]
            return _table(_KEEP_PORT, forward, [f"{_IN} dnat ip to {inside}"])
        case Kind.RESTRICTED:
            # Before the established ones pass, or only the first word to anybody would count.
            remember = f"{_OUT} meta l4proto udp update @heard {{ ip daddr }}"
            forward = [remember, _BACK, f"{_OUT} accept", "ct status dnat accept"]
            return _table(_KEEP_PORT, forward, [f"{_IN} ip saddr @heard dnat ip to {inside}"])
        case Kind.PORT_RESTRICTED:
            return _table(_KEEP_PORT, [_BACK, f"{_OUT} accept"])
        case Kind.SYMMETRIC:
            return _table(f"{_KEEP_PORT} fully-random", [_BACK, f"{_OUT} accept"])
        case Kind.UDP_BLOCKED:
            return _table(_KEEP_PORT, ["meta l4proto udp drop", _BACK, f"{_OUT} accept"])
        case Kind.ONLY_443:
            return _table(_KEEP_PORT, [_BACK, f"{_OUT} tcp dport 443 accept"])
        case Kind.IPV6_ONLY:
            return _table("", ["meta nfproto ipv4 drop", _BACK, f"{_OUT} accept"])


def _table(outward: str, forward: list[str], inward: list[str] | None = None) -> str:
    own = [_BACK, f'iifname "{LAN}" accept', "iif lo accept", "meta l4proto ipv6-icmp accept"]
    chains = [
        _chain("outward", "nat hook postrouting priority srcnat; policy accept", [outward]),
        _chain("inward", "nat hook prerouting priority dstnat; policy accept", inward or []),
        _chain("forward", "filter hook forward priority filter; policy drop", forward),
        _chain("own", "filter hook input priority filter; policy drop", own),
    ]
    heard = "set heard { type ipv4_addr; flags dynamic,timeout; timeout 2m; }"
    return "\n".join(["table inet home {", heard, *chains, "}"])


def _chain(name: str, hook: str, rules: list[str]) -> str:
    return "\n".join([f"chain {name} {{ type {hook};", *filter(None, rules), "}"])
