"""Where a tunnel goes, and what providers say of where it comes out."""

import pytest

from moim.tunnel.client.announcements import Announcements
from moim.tunnel.client.cloudflared import CloudflaredLines
from moim.tunnel.client.places import Place, place
from moim.tunnel.client.reach import Backoff, Wanted, wanted
from moim.tunnel.commands import with_default_place
from moim.tunnel.errors import TunnelError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("localhost.run", Place("localhost.run", "nokey", 22, "x-forwarded-for")),
        ("mina@localhost.run", Place("localhost.run", "mina", 22, "x-forwarded-for")),
        ("cloudflared", Place("cloudflared", visitor_header="cf-connecting-ip")),
        ("mina@tunnels.example.org:2222", Place("tunnels.example.org", "mina", 2222)),
        ("ssh://mina@Tunnels.Example.org:2222/", Place("tunnels.example.org", "mina", 2222)),
        ("mina@[2001:db8::1]:2222", Place("2001:db8::1", "mina", 2222)),
        ("serveo.net", Place("serveo.net")),
    ],
)
def test_a_place_is_read(text: str, found: Place) -> None:
    assert place(text) == found


@pytest.mark.parametrize("text", ["", "a b", "-oProxyCommand=id", "a@b@c", "host:0", "host:99999"])
def test_what_is_no_place_is_refused_in_words(text: str) -> None:
    with pytest.raises(TunnelError, match="is no place for a tunnel") as refused:
        place(text)
    assert refused.value.code == "tunnel_place_invalid"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, Wanted("localhost", 80)),
        ("Tea", Wanted("tea", 80)),
        ("tea:8080", Wanted("tea", 8080)),
        (":8080", Wanted("localhost", 8080)),
    ],
)
def test_a_name_is_asked_for_as_ssh_does(text: str | None, found: Wanted) -> None:
    assert wanted(text) == found


@pytest.mark.parametrize("text", ["a b", "a:b", "a:0", "a/b"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(TunnelError):
        wanted(text)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["--tunnel"], ["--tunnel", "localhost.run"]),
        (["--tunnel", "--port", "4000"], ["--tunnel", "localhost.run", "--port", "4000"]),
        (["--tunnel", "mina@host"], ["--tunnel", "mina@host"]),
        (["--tunnel=cloudflared", "-p", "1"], ["--tunnel=cloudflared", "-p", "1"]),
        (["--port", "4000"], ["--port", "4000"]),
    ],
)
def test_the_option_alone_is_the_default_provider(given: list[str], read: list[str]) -> None:
    assert with_default_place(given) == read


LOCALHOST_RUN = """
===============================================================================
Welcome to localhost.run!

Follow your favourite reverse tunnel at [https://twitter.com/localhost_run].

To set up and manage custom domains go to https://admin.localhost.run/

More details on custom domains (and how to enable subdomains of your custom
domain) at https://localhost.run/docs/custom-domains

If you get a permission denied error check the faq for how to connect with a key or
create a free tunnel without a key at [http://localhost:3000/docs/faq#generating-an-ssh-key].
===============================================================================


** your connection id is 1f8d9b1f-0000-4f3c-9f0b-000000000000, please mention it if you send me \
a message about an issue. **

authenticated as anonymous user
3b1d872d3c1d63.lhr.life tunneled with tls termination, https://3b1d872d3c1d63.lhr.life
create an account and add your key for a longer lasting domain name. see \
https://localhost.run/docs/forever-free/ for more information.
Open your tunnel address on your mobile with this QR:
"""
SISH = """Press Ctrl-C to close the session.\r
\r
The subdomain localhost.tuns.sh is unavailable. Assigning a random subdomain.\r
Starting SSH Forwarding service for \x1b[32mhttp:80\x1b[0m. Forwarded connections can be accessed \
via the following methods:\r
Service console can be accessed here: https://flb.tuns.sh/_sish/console?x-authorization=x\r
\x1b[44mHTTP\x1b[0m: http://flb.tuns.sh\r
\x1b[44mHTTPS\x1b[0m: https://flb.tuns.sh\r
"""
SERVEO = """\x1b[32mForwarding HTTP traffic from \x1b[0;1mhttps://abcdef.serveo.net\x1b[0m
Press g to start a GUI session and ctrl-c to quit.
"""
PINGGY = """You are not authenticated.
Your tunnel will expire in 60 minutes. Upgrade to Pinggy Pro at https://dashboard.pinggy.io

http://rnxyz-1-2-3-4.a.free.pinggy.link
https://rnxyz-1-2-3-4.a.free.pinggy.link
"""
CLOUD_EVENT = (
    '{"specversion":"1.0","id":"localhost/01dafc11bae282.lhr.life",'
    '"type":"v1.tcpip_forward.register.accepted","source":"ssh://localhost.run/","data":'
    '"01dafc11bae282.lhr.life tunneled with tls termination, '
    'https://01dafc11bae282.lhr.life\\r\\nQR"}'
)


@pytest.mark.parametrize(
    ("provider", "said", "url"),
    [
        ("localhost.run", LOCALHOST_RUN, "https://3b1d872d3c1d63.lhr.life"),
        ("localhost.run", CLOUD_EVENT, "https://01dafc11bae282.lhr.life"),
        ("tuns.sh", SISH, "https://flb.tuns.sh"),
        ("serveo.net", SERVEO, "https://abcdef.serveo.net"),
        ("a.pinggy.io", PINGGY, "https://rnxyz-1-2-3-4.a.free.pinggy.link"),
        ("example.org", "HTTP: http://tea.example.org:8080\n", "http://tea.example.org:8080"),
        ("example.org", "nothing of interest\nhttps://example.org/docs\n", None),
        ("example.org", "HTTPS: https://example.org@evil.test\n", None),
    ],
)
def test_the_address_is_found_among_everything_else(
    provider: str, said: str, url: str | None
) -> None:
    heard = Announcements(provider)
    for line in said.splitlines():
        heard.read(line)
    assert heard.url == url


def test_a_new_name_in_the_same_session_replaces_the_old_one() -> None:
    heard = Announcements("localhost.run")
    line = "{0} tunneled with tls termination, https://{0}"
    assert heard.read(line.format("a.lhr.life"))
    assert not heard.read(line.format("a.lhr.life"))
    assert not heard.read("see also https://b.example.org")
    assert heard.read(line.format("c.lhr.life"))
    assert heard.url == "https://c.lhr.life"


CLOUDFLARED = """\
2026-01-01T00:00:00Z INF Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare \
account, is a quick way to experiment and try it out. See: https://developers.cloudflare.com/
2026-01-01T00:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...
2026-01-01T00:00:03Z INF +---------------------------------------------------------------------+
2026-01-01T00:00:03Z INF |  Your quick Tunnel has been created! Visit it at (it may take some  |
2026-01-01T00:00:03Z INF |  https://gentle-river-foo-bar.trycloudflare.com                     |
2026-01-01T00:00:03Z INF +---------------------------------------------------------------------+
2026-01-01T00:00:03Z INF Version 2026.1.0 (Checksum 0)
2026-01-01T00:00:04Z INF Registered tunnel connection connIndex=0 ip=198.51.100.7 location=icn05 \
protocol=quic
2026-01-01T00:00:05Z INF Registered tunnel connection connIndex=1 ip=198.51.100.8 location=icn06 \
protocol=quic
"""


def test_cloudflared_is_up_when_it_has_a_name_and_a_connection() -> None:
    lines = CloudflaredLines()
    told = [lines.read(line) for line in CLOUDFLARED.splitlines()]
    assert [url for url in told if url] == ["https://gentle-river-foo-bar.trycloudflare.com"]
    assert told[7]


def test_cloudflareds_own_address_in_an_error_is_no_tunnel() -> None:
    lines = CloudflaredLines()
    lines.read(
        "2026-01-01T00:00:00Z ERR Error unmarshaling QuickTunnel response: error code: 1015 "
        'status_code="429 Too Many Requests" url=https://api.trycloudflare.com/tunnel'
    )
    assert lines.url is None
    assert lines.error is not None
    assert "429 Too Many Requests" in lines.error


def test_pauses_grow_to_half_a_minute_and_begin_anew() -> None:
    backoff = Backoff()
    pauses = [backoff.pause_s() for _ in range(8)]
    assert 0.8 <= pauses[0] <= 1.2
    assert 24 <= pauses[-1] <= 36
    backoff.reset()
    assert backoff.pause_s() <= 1.2
