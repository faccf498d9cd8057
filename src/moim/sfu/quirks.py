"""What single clients cannot do, whatever they offer.

Source: livekit pkg/clientconfiguration/conf.go and pkg/rtc/clientinfo.go.
"""

from livekit.protocol.models import ClientInfo

from moim.sfu.ports import PeerMode


def codecs_for(client: ClientInfo, mode: PeerMode, enabled: frozenset[str]) -> list[str]:
    """Name the codecs to negotiate on a connection, lower case.

    What a client cannot send it may still show, so only a connection on which it sends alone is
    limited.
    """
    codecs = set(enabled)
    if mode == "publisher":
        if _is(client, "firefox") and client.os.lower() in ("linux", "android"):
            codecs.discard("h264")  # its encoder there makes streams that others cannot decode
        if _is(client, "safari"):
            codecs.discard("av1")
    return sorted(codecs)


def wants_ice_lite(client: ClientInfo, *, asked_for: bool) -> bool:
    """Say whether the server may be a lite ICE agent: Firefox recovers better from a full one."""
    return asked_for and not _is(client, "firefox")


def wants_rtx(client: ClientInfo) -> bool:
    """Say whether repairs come in a stream of their own.

    pion cannot be told which of them repairs which layer; it repairs under the main SSRC then.
    """
    return client.sdk != ClientInfo.GO


def announces_codec_late(client: ClientInfo) -> bool:
    """Say whether the codec of a video is known by its first packet only."""
    return client.sdk == ClientInfo.GO


def loses_news_on_return(client: ClientInfo) -> bool:
    """Say whether news are lost on who connects anew, until it has settled.

    livekit-client 2.23 says `Reconnected` as soon as its connection is up, and waits until two
    seconds after the answer to its join before it takes itself for reconnected: what it would tell
    the page in between (`TrackSubscribed`, `ParticipantConnected`) it keeps, and never tells.
    Source: livekit-client, RTCEngine.ts `waitForPCReconnected`, Room.ts `emitWhenConnected`.
    """
    return client.sdk in (ClientInfo.JS, ClientInfo.REACT_NATIVE)


def makes_up_track_ids(client: ClientInfo) -> bool:
    """Say whether ids of tracks are not those of `msid`: the stream has to name the track then."""
    return _is(client, "firefox")


def _is(client: ClientInfo, browser: str) -> bool:
    return client.browser.lower() == browser
