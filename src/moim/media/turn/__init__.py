"""TURN: credentials for a server that relays what two networks do not let pass, and its set-up.

`credentials` mints what a browser shows to the relay, `policy` says where a relay may send to,
`coturn` writes the configuration of Debian's TURN server.
"""

from moim.media.turn.coturn import CoturnOptions, coturn_config
from moim.media.turn.credentials import IceServer, TurnAccess, turn_credential, turn_servers
from moim.media.turn.policy import denied_networks

__all__ = [
    "CoturnOptions",
    "IceServer",
    "TurnAccess",
    "coturn_config",
    "denied_networks",
    "turn_credential",
    "turn_servers",
]
