"""What a browser is told to find a way to the others: STUN servers, and a relay for who has a seat.

The page and `hello` name STUN servers alone. A credential for the relay is minted when somebody
takes a seat and whenever they ask again, so it stands in no page and no cache, and nobody gets one
who was not let in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from moim.media.stun import ice_servers
from moim.media.turn.credentials import IceServer, TurnAccess, turn_servers
from moim.meeting.frames import IceSettings

Policy = Literal["all", "relay"]


@dataclass(frozen=True, slots=True)
class Ice:
    """The ways that this server offers."""

    stun_urls: tuple[str, ...] = ()
    """`stun:` addresses; `own` is this server under the name of the page."""
    stun_port: int = 0
    second_stun_port: int | None = None
    turn: TurnAccess | None = None
    policy: Policy = "all"

    def servers(self, host: str) -> list[dict[str, list[str]]]:
        """The STUN servers for a page of this host."""
        return ice_servers(self.stun_urls, host, self.stun_port)

    def probes(self, host: str) -> list[str]:
        """STUN addresses to compare with each other: what a browser learns of its router by them.

        Two ports of one address show a mapping that changes with the port, as most strict routers
        have it; a relay of the operator's is a second address. Source: RFC 5780 section 4.3.
        """
        urls = [url for server in self.servers(host) for url in server["urls"]]
        if self.second_stun_port is not None and "own" in self.stun_urls:
            urls += ice_servers(("own",), host, self.second_stun_port)[0]["urls"] if host else []
        for url in self.turn.urls if self.turn is not None else ():
            over_udp = re.fullmatch(r"turn:([^?]+)(\?transport=udp)?", url)
            if over_udp:  # a TURN server answers STUN on the same port (RFC 8656 section 2.1)
                urls.append(f"stun:{over_udp[1]}")
        return list(dict.fromkeys(urls))

    def for_seat(self, host: str, identity: str, now_s: float) -> IceSettings:
        """Everything for who has a seat, with a credential of their own."""
        servers: list[IceServer] = [{"urls": one["urls"]} for one in self.servers(host)]
        servers += turn_servers(self.turn, identity, now_s)
        lifetime_s = self.turn.lifetime_s if self.turn is not None else None
        return IceSettings.model_validate(
            {"servers": servers, "transport_policy": self.policy, "lifetime_s": lifetime_s}
        )


def turn_access(urls: Sequence[str], secret: str | None, lifetime_s: int) -> TurnAccess | None:
    """The TURN server of the settings; None where there is none."""
    return TurnAccess(tuple(urls), secret, lifetime_s) if urls and secret else None
