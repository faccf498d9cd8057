import pytest
from livekit.protocol.models import ClientInfo

from moim.sfu import quirks
from moim.sfu.ports import PeerMode

ENABLED = frozenset({"opus", "vp8", "h264", "av1"})
ALL = ["av1", "h264", "opus", "vp8"]


@pytest.mark.parametrize(
    ("client", "mode", "codecs"),
    [
        (ClientInfo(browser="Chrome", os="Linux"), "publisher", ALL),
        (ClientInfo(browser="Firefox", os="Linux"), "publisher", ["av1", "opus", "vp8"]),
        (ClientInfo(browser="Firefox", os="Linux"), "subscriber", ALL),
        (ClientInfo(browser="Firefox", os="Linux"), "single", ALL),
        (ClientInfo(browser="Firefox", os="Windows"), "publisher", ALL),
        (ClientInfo(browser="Safari"), "publisher", ["h264", "opus", "vp8"]),
        (ClientInfo(browser="Safari"), "subscriber", ALL),
    ],
)
def test_a_client_is_not_asked_to_send_what_it_cannot(
    client: ClientInfo, mode: PeerMode, codecs: list[str]
) -> None:
    assert quirks.codecs_for(client, mode, ENABLED) == codecs


def test_firefox_gets_a_full_ice_agent() -> None:
    assert not quirks.wants_ice_lite(ClientInfo(browser="Firefox"), asked_for=True)
    assert quirks.wants_ice_lite(ClientInfo(browser="Chrome"), asked_for=True)
    assert not quirks.wants_ice_lite(ClientInfo(browser="Chrome"), asked_for=False)
