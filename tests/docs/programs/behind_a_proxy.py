"""Inside a network of its own: the blocks of docs/share/proxy.md, and a visitor who tries them."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from moim.doctor import BAD, OK
from moim.doctor import https as doctor
from moim.media import stun
from tests.docs.programs.started import answers, start, until
from tests.https.guest import seated
from tests.https.made import Signer, pem
from tests.https.private_network import block

PAGE = "docs/share/proxy.md"
NAME = "meet.example.org"
ORIGIN = f"https://{NAME}"
OUTSIDE = "203.0.113.5"
LETSENCRYPT = f"/etc/letsencrypt/live/{NAME}"
IMAGE_BYTES = 10 * 1024 * 1024


def nginx(folder: Path) -> tuple[Path, Path]:
    """Start nginx with the block of the page; only the folder of the certificate is another."""
    root = Signer.root()
    between = root.between()
    between.server(NAME).write(folder, between)
    (folder / "root.pem").write_bytes(pem(root.certificate))
    (folder / "page.conf").write_text(block(PAGE, "nginx").replace(LETSENCRYPT, str(folder)))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    around = f"user root; daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}\n"
    around += f"http {{ access_log off; {temporary} include {folder}/page.conf; }}\n"
    (folder / "nginx.conf").write_text(around)
    log = start(f"exec nginx -p {folder} -c {folder}/nginx.conf", folder)
    return folder / "root.pem", log


def caddy(folder: Path) -> tuple[Path, Path]:
    """Start Caddy with the block of the page; only the certificate authority is its own."""
    ours = "{\n local_certs\n skip_install_trust\n admin off\n}\n"
    (folder / "Caddyfile").write_text(ours + block(PAGE, "caddy"))
    home = folder / "home"
    log = start(
        f"exec caddy run --config {folder}/Caddyfile --adapter caddyfile",
        folder,
        XDG_DATA_HOME=str(home),
        XDG_CONFIG_HOME=str(home),
    )
    root = home / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    until(root.exists, log)
    return root, log


async def visit(kind: str, trusting: ssl.SSLContext) -> None:
    """Do what a browser does, and what an attacker would try."""
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as browser:
        plain = await browser.get(f"http://{NAME}/r/abcd-efgh-jkm?x=1")
        assert plain.status_code == 308, plain
        assert plain.headers["location"] == f"{ORIGIN}/r/abcd-efgh-jkm?x=1"
        page = await browser.get(f"{ORIGIN}/")
        assert page.status_code == 200, page
        assert page.headers["strict-transport-security"] == "max-age=15552000"
        assert "Secure" in page.headers["set-cookie"]
        if kind == "nginx":  # Caddy takes any size
            image = await browser.post(f"{ORIGIN}/r/x/images", content=b"x" * IMAGE_BYTES)
            assert image.status_code != 413, "the proxy takes no image"
    async with seated(NAME, 443, trusting) as ada:
        await ada.command("chat.send", text="through the proxy")
        # One household, one connection (said by the settings): writing headers buys no second.
        for lie in ({"X-Forwarded-For": "9.9.9.9"}, {"Forwarded": "for=9.9.9.9"}):
            async with connect(
                f"wss://{NAME}/ws?room={ada.slug}",
                ssl=trusting,
                additional_headers={"cookie": ada.cookie, "origin": ORIGIN, **lie},
                proxy=None,
            ) as second:
                assert "rate_limited" in str(await second.recv())


def stun_answers() -> bool:
    """Ask for an address by UDP, as browsers do past the proxy."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        number = os.urandom(12)
        asking.sendto(stun.binding_request(number), (OUTSIDE, 3000))
        return asking.recv(1000)[8:20] == number


def finds(level: str, words: str) -> Callable[[], bool]:
    """Whether the doctor says so; workers of before a reload may answer for a while."""

    def looked() -> bool:
        found = doctor.proxy(ORIGIN, "")
        return found.level == level and words in found.words

    return looked


def find_what_is_missing(folder: Path, log: Path) -> None:
    """Take a line out of the block: the doctor names it."""
    page = (folder / "page.conf").read_text()
    for line, words in (
        ("proxy_set_header X-Forwarded-Proto $scheme;", "X-Forwarded-Proto"),
        ("proxy_set_header Upgrade $http_upgrade;", "WebSockets"),
    ):
        assert line in page
        (folder / "page.conf").write_text(page.replace(line, ""))
        reload = ["nginx", "-p", str(folder), "-c", f"{folder}/nginx.conf", "-s", "reload"]
        subprocess.run(reload, check=True)
        until(finds(BAD, words), log)
        (folder / "page.conf").write_text(page)
        subprocess.run(reload, check=True)
        until(finds(OK, "leads here"), log)


def main() -> None:
    """The first argument is the proxy, the second a folder."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    subprocess.run(["ip", "addr", "add", f"{OUTSIDE}/32", "dev", "lo"], check=True)
    folder = folder / kind
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    moim = start(block(PAGE, "behind-a-proxy"), folder / "moim", MOIM_CONNECTIONS_PER_ADDRESS="1")
    until(answers("http://127.0.0.1:3000/healthz"), moim)
    root, log = {"nginx": nginx, "caddy": caddy}[kind](folder)
    os.environ["SSL_CERT_FILE"] = str(root)  # for the doctor and urllib, as a system would
    until(answers(f"{ORIGIN}/healthz"), log)
    asyncio.run(visit(kind, ssl.create_default_context()))
    assert stun_answers()
    found = doctor.proxy(ORIGIN, "")
    assert found.level == OK, found
    if kind == "nginx":
        find_what_is_missing(folder, log)
    sys.stdout.write("all is well\n")


if __name__ == "__main__":
    main()
