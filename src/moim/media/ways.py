"""STUN and TURN servers that a tunnel brings along, which may change while moim runs."""

from dataclasses import dataclass, replace

from moim.media.ice import Ice, turn_access


@dataclass
class Ways:
    """What browsers are told instead of the settings. `stun` is None while nobody has said
    anything; an empty one is "ask nobody". The secret signs credentials for the TURN server."""

    stun: tuple[str, ...] | None = None
    turn_urls: tuple[str, ...] = ()
    turn_secret: str | None = None

    def over(self, ice: Ice, lifetime_s: int) -> Ice:
        """The ways of the settings, with those of the tunnel in their place. A TURN server that
        the settings name stays: whoever names one has chosen it."""
        if self.stun is not None:
            ice = replace(ice, stun_urls=self.stun)
        if ice.turn is None:
            ice = replace(ice, turn=turn_access(self.turn_urls, self.turn_secret, lifetime_s))
        return ice
