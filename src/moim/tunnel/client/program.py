"""A tunnel made from settings, for `moim tunnel` and for `moim --tunnel`."""

from functools import partial

from moim.settings import Settings
from moim.tunnel.client import cloudflared
from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.client.keeper import Hold
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.own_key import own_key, tunnel_folder
from moim.tunnel.client.places import DEFAULT, Place, place
from moim.tunnel.client.reach import wanted
from moim.tunnel.extra import need_asyncssh


def place_of(settings: Settings) -> Place:
    """Where the tunnel goes. Raises: `tunnel_place_invalid`."""
    return place(settings.tunnel or DEFAULT)


def hold_of(settings: Settings, local: LocalServer) -> Hold:
    """How to hold the tunnel that the settings ask for.

    Raises: TunnelError, for what can be known before anybody is asked.
    """
    to = place_of(settings)
    if to.is_cloudflared:
        return partial(cloudflared.hold, local)
    need_asyncssh()
    from moim.tunnel.client.ssh import SshTunnel

    folder = tunnel_folder(settings.data_dir)
    return SshTunnel(
        place=to,
        wanted=wanted(settings.tunnel_name),
        local=local,
        host_keys=HostKeys(folder, settings.tunnel_host_key),
        key=own_key(folder, settings.tunnel_key),
        public_url=settings.public_url,
    ).hold
