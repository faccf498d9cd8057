"""What an authority says beside certificates: when to renew, when to wait, what time it is."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from moim.https.acme_folder import AcmeFolder, asked_for
from moim.https.authority import Authority
from moim.https.certificate import Certificate
from moim.https.domain import Domain
from moim.https.refusals import NotIssued
from moim.https.schedule import Attempts, renewal_time
from moim.https.served import Served
from moim.lan import LanHost, ensure_certificates
from tests.https.made import DAY, NOW, Signer, key_pem, pem
from tests.https.pebble import NAME, until

WINDOW = (NOW + 3 * DAY, NOW + 4 * DAY)
PAUSE_S = 7200


@dataclass
class Words:
    """An authority that talks and signs nothing. Answers by path; what was asked is kept."""

    origin: str
    ca: Path
    answers: dict[str, tuple[int, dict[str, str], object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    asked_at: dict[str, datetime] = field(default_factory=dict)

    def authority(self, data_dir: Path) -> Authority:
        folder = AcmeFolder.of(data_dir, f"{self.origin}/dir")
        return Authority(f"{self.origin}/dir", folder, email=None, ca_file=self.ca)


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    made = ensure_certificates(tmp_path / "its", LanHost("localhost", ()), datetime.now(UTC))

    class Talking(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("/")[1]
            said.asked_at.setdefault(path, datetime.now(UTC))
            said.asked.append(path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = said.answers.get(path, (404, {}, {}))
            content = json.dumps(body).encode()
            self.send_response_only(status)
            kind = "application/json" if status < 400 else "application/problem+json"
            given = {
                "Content-Type": kind,
                "Replay-Nonce": "bm9uY2U",
                "Date": format_datetime(datetime.now(UTC), usegmt=True),
                "Content-Length": str(len(content)),
                **headers,
            }
            for name, value in given.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_POST = do_HEAD = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Talking) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.server)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        origin = f"https://localhost:{server.server_port}"
        said = Words(origin, made.ca)
        resources = ("newNonce", "newAccount", "newOrder", "renewalInfo")
        directory: dict[str, object] = {name: f"{origin}/{name}" for name in resources}
        window = {"start": WINDOW[0].isoformat(), "end": WINDOW[1].isoformat()}
        said.answers = {
            "dir": (200, {}, directory),
            "newNonce": (200, {}, {}),
            "newAccount": (201, {"Location": f"{origin}/me"}, {"status": "valid"}),
            "renewalInfo": (200, {"Retry-After": str(PAUSE_S)}, {"suggestedWindow": window}),
        }
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield said
        finally:
            server.shutdown()
            thread.join()


def kept(data_dir: Path, words: Words) -> Certificate:
    """A certificate of that authority, as after an earlier start."""
    server = Signer.root().server(NAME)
    AcmeFolder.of(data_dir, f"{words.origin}/dir").keep_certificate(
        key_pem(server.key), pem(server.certificate)
    )
    return Certificate((server.certificate,))


async def test_the_authority_says_when_to_renew_and_when_to_ask_again(
    words: Words, tmp_path: Path
) -> None:
    authority = words.authority(tmp_path)
    leaf = kept(tmp_path, words).leaf
    before = datetime.now(UTC)
    at, again = await authority.renewal_time(leaf)
    assert at is not None
    assert WINDOW[0] <= at <= WINDOW[1]
    assert timedelta(seconds=PAUSE_S - 2) < again - before < timedelta(seconds=PAUSE_S + 60)


async def test_an_authority_without_that_service_says_nothing(words: Words, tmp_path: Path) -> None:
    directory = words.answers["dir"][2]
    assert isinstance(directory, dict)
    del directory["renewalInfo"]
    at, again = await words.authority(tmp_path).renewal_time(kept(tmp_path, words).leaf)
    assert at is None
    assert again > datetime.now(UTC) + timedelta(hours=5)


async def test_a_certificate_is_renewed_when_the_authority_asks_for_it(
    words: Words, tmp_path: Path
) -> None:
    late = datetime.now(UTC) - timedelta(minutes=1)
    window = {"start": (late - DAY).isoformat(), "end": late.isoformat()}
    words.answers["renewalInfo"] = (200, {}, {"suggestedWindow": window})
    certificate = kept(tmp_path, words)
    assert renewal_time(certificate.begins, certificate.ends) > datetime.now(UTC)
    folder = AcmeFolder.of(tmp_path, f"{words.origin}/dir")
    domain = Domain.load((NAME,), folder, words.authority(tmp_path), lambda _: None)
    keeping = asyncio.create_task(domain.keep())
    try:
        await asyncio.to_thread(until, lambda: "newOrder" in words.asked, "an order")
    finally:
        keeping.cancel()
    assert words.asked.index("renewalInfo") < words.asked.index("newOrder")


async def test_a_pause_is_kept_over_a_restart_and_then_it_is_tried_again(
    words: Words, tmp_path: Path
) -> None:
    problem = {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "no"}
    words.answers["newOrder"] = (403, {}, problem)
    folder = AcmeFolder.of(tmp_path, f"{words.origin}/dir")
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    asked = asked_for((NAME,), None)
    folder.keep_attempts(Attempts(1, "acme_dns", soon), asked)
    said: list[str] = []
    domain = Domain.load((NAME,), folder, words.authority(tmp_path), said.append)
    keeping = asyncio.create_task(domain.keep())
    try:
        await asyncio.to_thread(
            until, lambda: folder.attempts(asked).failures == 2, "the second failure"
        )
    finally:
        keeping.cancel()
    assert words.asked_at["newOrder"] >= soon
    assert said[0].startswith("code acme_dns: no certificate yet, moim tries again at ")
    assert said[-1].startswith("code acme_name_refused: ")


async def test_whoever_is_told_to_wait_waits_as_long_as_was_said(
    words: Words, tmp_path: Path
) -> None:
    problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many"}
    words.answers["newOrder"] = (429, {"Retry-After": str(PAUSE_S)}, problem)
    before = datetime.now(UTC)
    with pytest.raises(NotIssued) as refused:
        await words.authority(tmp_path).issue((NAME,), {}, lambda _: None)
    assert refused.value.code == "acme_rate_limited"
    assert refused.value.not_before is not None
    assert refused.value.not_before >= before + timedelta(seconds=PAUSE_S)


async def test_an_account_that_the_authority_lost_is_made_anew(
    words: Words, tmp_path: Path
) -> None:
    problem = {"type": "urn:ietf:params:acme:error:accountDoesNotExist", "detail": "who?"}
    words.answers["newOrder"] = (400, {}, problem)
    folder = AcmeFolder.of(tmp_path, f"{words.origin}/dir")
    for _ in range(2):
        with pytest.raises(NotIssued):
            await words.authority(tmp_path).issue((NAME,), {}, lambda _: None)
        account = folder.account()
        assert account is not None
        assert account.uri is None
    assert words.asked.count("newAccount") == 2


async def test_what_is_no_authority_is_said(words: Words, tmp_path: Path) -> None:
    words.answers["dir"] = (200, {}, ["hello"])
    with pytest.raises(NotIssued) as refused:
        await words.authority(tmp_path).issue((NAME,), {}, lambda _: None)
    assert refused.value.code == "acme_failed"
    assert "ACME directory" in str(refused.value)


async def test_the_clock_of_the_authority_is_compared_with_ours(
    words: Words, tmp_path: Path
) -> None:
    authority = words.authority(tmp_path)
    ahead = await authority.clock_ahead(datetime.now(UTC) - timedelta(hours=1))
    assert ahead is not None
    assert timedelta(minutes=59) < ahead < timedelta(minutes=62)


async def test_a_certificate_for_other_names_is_not_shown(words: Words, tmp_path: Path) -> None:
    kept(tmp_path, words)
    folder = AcmeFolder.of(tmp_path, f"{words.origin}/dir")
    authority = words.authority(tmp_path)
    same = Domain.load((NAME,), folder, authority, lambda _: None)
    other = Domain.load((NAME, "www.example.test"), folder, authority, lambda _: None)
    assert not same.waiting
    assert other.waiting
    assert not other.is_public
    assert isinstance(other.served, Served)
    assert other.served.certificate.is_self_signed


def test_a_stop_does_not_wait_for_an_authority_that_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}/dir"
        folder = AcmeFolder.of(tmp_path, url)
        authority = Authority(url, folder, email=None, ca_file=None)

        async def ask_and_stop() -> socket.socket:
            domain = Domain.load((NAME,), folder, authority, lambda _: None)
            keeping = asyncio.create_task(domain.keep())
            asked, _ = await asyncio.to_thread(silent.accept)
            keeping.cancel()
            return asked

        with asyncio.run(ask_and_stop()):
            # The loop is closed, and the request still hangs: nobody has waited for it.
            (hanging,) = (one for one in threading.enumerate() if one.name == "acme")
            assert hanging.daemon
        hanging.join(60)
        assert not hanging.is_alive()
