"""Inside a network of its own: the command of docs/share/domain.md, and an authority that looks."""

import asyncio
import http.client
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

from moim.doctor import OK
from tests.docs.programs.started import says, start, until
from tests.https.guest import seated
from tests.https.pebble import pebble
from tests.https.private_network import block

PAGE = "docs/share/domain.md"
NAME = "meet.example.org"


async def sit_down(trusting: ssl.SSLContext) -> None:
    async with seated(NAME, 443, trusting) as ada:
        await ada.command("chat.send", text="hello")


def main() -> None:
    """The argument is a folder."""
    folder = Path(sys.argv[1])
    with pebble(folder / "ca", http_port=80) as authority:
        settings = {
            "MOIM_ACME_DIRECTORY": authority.directory,
            "MOIM_ACME_CA_FILE": str(authority.ca),
        }
        log = start(block(PAGE, "domain"), folder / "moim", **settings)
        until(says(log, "The certificate is here, until"), log)
        asyncio.run(sit_down(authority.trusting()))
        plain = http.client.HTTPConnection(NAME, timeout=10)
        plain.request("GET", "/r/a?b")
        answer = plain.getresponse()
        assert answer.status in (307, 308), answer.status
        assert answer.getheader("location") == f"https://{NAME}/r/a?b"

        (folder / "root.pem").write_bytes(authority.root())
        env = {
            **os.environ,
            **settings,
            "MOIM_DATA_DIR": str(folder / "moim" / "data"),
            "MOIM_DOMAIN": NAME,
            "SSL_CERT_FILE": str(folder / "root.pem"),
        }
        asked = [sys.executable, "-m", "moim", "doctor", "--json"]
        said = subprocess.run(asked, env=env, capture_output=True, text=True, check=False)
        told = {one["id"]: one for one in json.loads(said.stdout)["findings"]}
        wanted = ("certificate", "authority", "http_port", "way_in", "port", "clock")
        assert {name: told[name]["level"] for name in wanted} == dict.fromkeys(wanted, OK), told
        # The name leads to the loopback here, which is no address of this machine for others.
        assert "127.0.0.1" in told["dns_record"]["words"], told
    sys.stdout.write("all is well\n")


if __name__ == "__main__":
    main()
