"""The small parts: what is kept, what refusals say, the port for HTTP, the promise of HTTPS."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from moim import platform
from moim.front import hsts_max_age_s
from moim.https.acme_folder import Account, AcmeFolder, asked_for
from moim.https.authority import retry_at
from moim.https.hsts import StrictTransport
from moim.https.plain_port import MAX_HEAD_BYTES, PlainPort
from moim.https.refusals import refused
from moim.https.schedule import Attempts
from moim.https.served import Served, interim
from tests.https.made import NOW, Signer, key_pem, pem

DIRECTORY = "https://ca.example.org/directory"
SOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_everything_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = AcmeFolder.of(tmp_path / "data", DIRECTORY)
    server = Signer.root().server("meet.example.org")
    folder.keep_account(Account({"kty": "EC"}, "https://ca.example.org/me"))
    folder.keep_attempts(Attempts(2, "acme_dns", SOON), "a.example")
    folder.keep_certificate(key_pem(server.key), pem(server.certificate))
    interim(folder.path / "interim.pem", ("meet.example.org",))
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {platform.PRIVATE_FILE_MODE}
    assert stat.S_IMODE(folder.path.stat().st_mode) == platform.PRIVATE_FOLDER_MODE


def test_what_is_kept_is_read_as_it_was_and_nonsense_is_as_if_it_were_not_there(
    tmp_path: Path,
) -> None:
    folder = AcmeFolder.of(tmp_path, DIRECTORY)
    assert (folder.account(), folder.attempts("a.example"), folder.certificate(NOW)) == (
        None,
        Attempts(),
        None,
    )
    account, attempts = Account({"kty": "EC"}, None), Attempts(2, "acme_dns", SOON)
    folder.keep_account(account)
    folder.keep_attempts(attempts, "a.example")
    assert (folder.account(), folder.attempts("a.example")) == (account, attempts)
    for name in ("account.json", "attempts.json", "certificate.pem"):
        (folder.path / name).write_text('{"half": ')
    assert (folder.account(), folder.attempts("a.example"), folder.certificate(NOW)) == (
        None,
        Attempts(),
        None,
    )
    folder.keep_attempts(Attempts(), "a.example")
    assert not (folder.path / "attempts.json").exists()


def test_whoever_corrects_the_name_or_the_account_need_not_wait(tmp_path: Path) -> None:
    folder = AcmeFolder.of(tmp_path, DIRECTORY)
    wrong = asked_for(("meet.exmaple.org",), "me@example.org")
    folder.keep_attempts(Attempts(6, "acme_dns", SOON), wrong)
    assert folder.attempts(wrong).failures == 6
    for asked in (
        asked_for(("meet.example.org",), "me@example.org"),
        asked_for(("meet.exmaple.org",), None),
    ):
        assert folder.attempts(asked) == Attempts()


def test_accounts_of_different_authorities_do_not_mix(tmp_path: Path) -> None:
    other = AcmeFolder.of(tmp_path, "https://ca.example.org/staging/directory")
    assert other.path != AcmeFolder.of(tmp_path, DIRECTORY).path


@pytest.mark.parametrize(
    ("types", "code"),
    [
        (["dns"], "acme_dns"),
        (["connection"], "acme_port_closed"),
        (["unauthorized"], "acme_other_server"),
        (["caa"], "acme_caa"),
        (["rateLimited"], "acme_rate_limited"),
        (["rejectedIdentifier"], "acme_name_refused"),
        (["externalAccountRequired"], "acme_account"),
        (["compound", "caa"], "acme_caa"),
        (["serverInternal"], "acme_failed"),
        ([], "acme_failed"),
    ],
)
def test_each_refusal_has_a_code_and_at_most_two_sentences(types: list[str], code: str) -> None:
    error = refused(types, "meet.example.org", "said the authority")
    assert error.code == code
    said = str(error).replace("meet.example.org", "NAME")
    assert said.count(". ") + said.endswith((".", "authority")) <= 2
    assert "NAME" in said or code == "acme_account"


def test_a_pause_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_at("90", SOON) == SOON + timedelta(seconds=90)
    assert retry_at("Sun, 01 Mar 2026 13:00:00 GMT", SOON) == SOON + timedelta(hours=1)
    assert retry_at("", SOON) is None
    assert retry_at("soon", SOON) is None


PORT = PlainPort(("meet.example.org", "www.example.org"), {"tok": "tok.print"}, 443, lambda: True)


def request(path: str, host: str | None = "meet.example.org", method: str = "GET") -> bytes:
    named = f"Host: {host}\r\n" if host is not None else ""
    return f"{method} {path} HTTP/1.1\r\n{named}User-Agent: x\r\n\r\n".encode()


def location(answer: bytes) -> str | None:
    lines = answer.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines).get("Location")


@pytest.mark.parametrize(
    ("host", "leads_to"),
    [
        ("meet.example.org", "meet.example.org"),
        ("meet.example.org:80", "meet.example.org"),
        ("WWW.example.org", "www.example.org"),
        ("203.0.113.5", "meet.example.org"),
        ("evil.example.net", "meet.example.org"),
        (None, "meet.example.org"),
    ],
)
def test_plain_http_is_sent_to_a_name_of_ours_for_good(host: str | None, leads_to: str) -> None:
    answer = PORT.answer(request("/r/a?b=c", host))
    assert answer.startswith(b"HTTP/1.1 308 ")
    assert location(answer) == f"https://{leads_to}/r/a?b=c"


def test_the_way_is_for_now_only_until_browsers_trust_the_certificate() -> None:
    port = PlainPort((), {}, 8443, lambda: False)
    answer = port.answer(request("/a", "192.168.1.5"))
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert location(answer) == "https://192.168.1.5:8443/a"
    assert port.answer(request("/a", None)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "head",
    [b"\x16\x03\x01\r\n\r\n", b"GET //\x00 HTTP/1.1\r\n\r\n", b"GET /a\r\nb HTTP/1.1\r\n\r\n", b""],
)
def test_what_is_no_request_gets_no_way(head: bytes) -> None:
    assert PORT.answer(head).startswith(b"HTTP/1.1 400 ")


def test_no_header_can_be_smuggled_through_the_path() -> None:
    answer = PORT.answer(b"GET /a%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: meet.example.org\r\n\r\n")
    assert b"\r\nSet-Cookie" not in answer


def test_an_authority_gets_its_answer_and_a_stranger_none() -> None:
    path = "/.well-known/acme-challenge/"
    assert PORT.answer(request(path + "tok")).endswith(b"\r\n\r\ntok.print")
    assert PORT.answer(request(path + "tok", method="HEAD")).endswith(b"\r\n\r\n")
    assert PORT.answer(request(path + "other")).startswith(b"HTTP/1.1 404 ")


async def test_a_head_without_end_is_answered_and_closed() -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    server = await loop.create_server(PORT.protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"GET /" + b"a" * MAX_HEAD_BYTES)
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    ("scheme", "public", "promised"),
    [("https", True, "max-age=60"), ("https", False, None), ("http", True, None)],
)
async def test_https_is_promised_over_https_with_a_public_certificate_only(
    scheme: str, public: bool, promised: str | None
) -> None:
    app = StrictTransport(hello, 60, lambda: public)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as browser:
        answer = await browser.get(f"{scheme}://meet.example.org/")
    assert answer.text == "hello"
    assert answer.headers.get("strict-transport-security") == promised


def test_the_promise_can_be_set_and_taken_away() -> None:
    assert hsts_max_age_s("auto") == 180 * 24 * 3600
    assert hsts_max_age_s("300") == 300
    assert hsts_max_age_s("off") is None


def test_a_new_certificate_is_for_new_connections(tmp_path: Path) -> None:
    root = Signer.root()
    first = Served.load(*root.server("a.example.org").write(tmp_path), NOW)
    before = first.current_context()
    second = Served.load(*root.server("b.example.org").write(tmp_path), NOW)
    first.replace(second)
    assert first.current_context() is not before
    assert first.certificate.names == ("b.example.org",)
