"""A certificate is renewed, or replaced by hand, while a call goes on."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moim.https.acme_folder import AcmeFolder, asked_for
from tests.https.guest import seated
from tests.https.made import DAY, NOW, Signer, key_pem, pem
from tests.https.pebble import NAME, free_port, moim, pebble, until
from tests.https.test_acme import get, wanting

pytestmark = pytest.mark.network


def nearly_due(folder: AcmeFolder, due_in_s: float) -> ssl.SSLContext:
    """Keep a certificate of which two thirds are over in a moment; gives who trusts it."""
    due = datetime.now(UTC) + timedelta(seconds=due_in_s)
    begins = due.replace(microsecond=0) - timedelta(minutes=80)
    root = Signer.root()
    server = root.server(NAME, begins=begins, ends=begins + timedelta(minutes=120))
    folder.keep_certificate(key_pem(server.key), pem(server.certificate))
    return ssl.create_default_context(cadata=pem(root.certificate).decode())


async def test_a_renewal_does_not_touch_the_call_that_is_on(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        folder = AcmeFolder.of(tmp_path / "data", authority.directory)
        # Long enough for a busy machine to start and to sit down in.
        trusting_old = nearly_due(folder, due_in_s=45)
        with moim(tmp_path / "data", **wanting(authority)) as server:
            await asyncio.to_thread(server.heard, "^Ctrl-C")
            async with seated(NAME, server.port, trusting_old) as ada:
                await ada.command("chat.send", text="before")
                await asyncio.to_thread(server.heard, '"certificate.replaced"')
                await ada.command("chat.send", text="after")
                assert ada.sees() != server.shown()
                # Who comes now trusts the authority, and joins as ever.
                async with seated(NAME, server.port, authority.trusting()) as eve:
                    await eve.command("chat.send", text="hello")
                    await ada.command("chat.send", text="still here")
            renewed = folder.certificate(datetime.now(UTC))
            assert renewed is not None
            assert renewed.leaf == server.shown()


async def test_an_authority_that_is_gone_at_renewal_leaves_the_old_in_use(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        settings = wanting(authority)
    folder = AcmeFolder.of(tmp_path / "data", authority.directory)
    trusting = nearly_due(folder, due_in_s=-60)
    with moim(tmp_path / "data", **settings) as server:
        await asyncio.to_thread(server.heard, '"code": "acme_unreachable".*certificate.not_issued')
        kept = folder.certificate(datetime.now(UTC))
        assert kept is not None
        assert server.shown() == kept.leaf
        assert get(server, trusting).status_code == 200
        assert folder.attempts(asked_for((NAME,), settings["acme_email"])).failures == 1
        # That a person sees nothing of it at the terminal is right: nobody is hindered yet.
        assert not server.says("^code acme")


async def test_files_of_ones_own_are_read_again_and_bad_ones_are_not_taken(tmp_path: Path) -> None:
    root = Signer.root()
    between = root.between()
    first = between.server(NAME)
    chain, key = first.write(tmp_path, between)
    trusting = ssl.create_default_context(cadata=pem(root.certificate).decode())
    http_port = str(free_port())
    with moim(
        tmp_path / "data", "--cert", str(chain), "--key", str(key), http_port=http_port
    ) as it:
        await asyncio.to_thread(it.heard, "^Ctrl-C")
        assert it.says(f"^Open  https://{NAME}:{it.port}$")
        assert it.says("^Browsers do not know who signed this certificate")
        async with seated(NAME, it.port, trusting) as ada:
            between.server(NAME, begins=NOW - 9 * DAY, ends=NOW - DAY).write(tmp_path, between)
            await asyncio.to_thread(it.heard, '"code": "certificate_expired".*kept_the_old')
            assert it.shown() == first.certificate
            second = between.server(NAME)
            second.write(tmp_path, between)
            await asyncio.to_thread(until, lambda: it.shown() == second.certificate, "the new one")
            await ada.command("chat.send", text="still here")
            assert ada.sees() == first.certificate
        status, headers, _ = it.ask_plain("/a", host=f"{NAME}:80")
        assert (status, headers["location"]) == (307, f"https://{NAME}:{it.port}/a")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("other key", "certificate_key_mismatch"),
        ("expired", "certificate_expired"),
        ("missing", "certificate_unreadable"),
    ],
)
def test_a_start_with_bad_files_says_why_and_ends(tmp_path: Path, change: str, code: str) -> None:
    root = Signer.root()
    match change:
        case "expired":
            chain, key = root.server(NAME, begins=NOW - 9 * DAY, ends=NOW - DAY).write(tmp_path)
        case _:
            chain, key = root.server(NAME).write(tmp_path)
    if change == "other key":
        key.write_bytes(key_pem(root.key))
    if change == "missing":
        chain.unlink()
    with moim(tmp_path / "data", cert=str(chain), key=str(key)) as server:
        until(lambda: server.process.poll() is not None, "the end of moim")
    assert server.process.returncode == 2
    assert server.said[-1] == f"moim: code {code}"
