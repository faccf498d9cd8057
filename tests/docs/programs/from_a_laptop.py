"""Runs the commands of the pages on tunnels, on a machine where their names lead to itself.

python -m tests.docs.programs.from_a_laptop FOLDER
"""

import asyncio
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.docs.test_share_tunnel import LAPTOP, SERVER, block
from tests.tunnel.provider import provider
from tests.tunnel.test_places import LOCALHOST_RUN

DEADLINE_S = 60
NAME = "mina.tunnels.example.org"


class Program:
    """A command, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def says(self, pattern: str) -> str:
        """The first group of a pattern, once it was said."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.said)):
            assert time.monotonic() < deadline, f"{pattern} in\n{self.said}"
            try:
                line = await asyncio.wait_for(self.process.stdout.readline(), 1)
            except TimeoutError:
                continue
            assert line, f"it ended before {pattern}:\n{self.said}"
            self.said += line.decode()
        return found[1] if found.re.groups else found[0]

    async def stop(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(self.process.wait(), DEADLINE_S) == 0


@asynccontextmanager
async def running(words: Sequence[str], folder: Path, data: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**os.environ, "MOIM_DATA_DIR": str(folder / data)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def over_localhost_run(folder: Path) -> None:
    """The first block: an address, a QR code, a visitor, and the end."""
    (words,) = block(LAPTOP, "laptop")
    async with (
        provider(LOCALHOST_RUN, port=22) as there,
        running(words, folder, "laptop") as moim,
    ):
        url = await moim.says(r"Tunnel  (https://\S+)\n")
        await moim.says(r"STUN    stun:stun\.cloudflare\.com:3478 ")
        await moim.says("Whoever has the link")
        assert "▀" in moim.said
        head = f"GET / HTTP/1.0\r\nhost: {url.partition('//')[2]}\r\n"
        page = await there.visit(f"{head}x-forwarded-for: 203.0.113.9\r\n\r\n".encode())
        assert page.startswith(b"HTTP/1.1 200 "), page[:200]
        assert f"wss://{url.partition('//')[2]}".encode() in page
        assert b"secure" in page.lower().partition(b"\r\n\r\n")[0]
        await moim.stop()


async def over_ones_own(folder: Path) -> None:
    """The other page: a key, a user, a server with TLS, and a meeting behind it."""
    (key,), (add,), (serve,), (start,) = (
        block(SERVER, name) for name in ("key", "add", "server", "laptop")
    )
    trusted = certificate(folder)
    async with running(key, folder, "laptop") as program:
        public = await program.says(r"(ssh-ed25519 .*)\n")
    assert add[:4] == ["moim", "tunnel-server", "add", "mina"]
    async with running([*add[:4], public], folder, "server") as program:
        await program.says("mina may open tunnels now")
    async with running(serve, folder, "server") as server:
        fingerprint = await server.says(r"key (SHA256:\S+)\n")
        await server.says("Ctrl-C stops.")
        words = [word.replace("SHA256:…", fingerprint) for word in start]
        async with running(words, folder, "laptop") as moim:
            assert await moim.says(r"Tunnel  (\S+)\n") == f"https://{NAME}"
            await moim.says(r"STUN    stun:tunnels\.example\.org:3478 ")
            context = ssl.create_default_context(cadata=trusted)
            async with httpx.AsyncClient(verify=context, timeout=DEADLINE_S) as web:
                page = await web.get(f"https://{NAME}/")
                assert page.status_code == 200
                assert f"wss://{NAME}" in page.headers["content-security-policy"]
                await moim.stop()
                assert (await web.get(f"https://{NAME}/")).status_code == 404
        await server.stop()


def certificate(folder: Path) -> str:
    """Put a certificate where the page's command looks for it; gives it as PEM, to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tunnels.example.org")])
    names = [x509.DNSName("tunnels.example.org"), x509.DNSName("*.tunnels.example.org")]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "fullchain.pem").write_bytes(pem)
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem.decode()


async def main(folder: Path) -> None:
    await over_localhost_run(folder)
    await over_ones_own(folder)
    sys.stdout.write("all is well\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
