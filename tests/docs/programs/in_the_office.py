"""Inside a network of its own: a laptop with `moim --lan` and a phone on the same cable."""

import os
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.docs.programs.started import answers, says, start, until
from tests.https.private_network import block

LAPTOP, PHONE = "192.168.7.2", "192.168.7.3"
# What the phone runs, in its own network: the page over HTTPS with the CA that it was given.
VISIT = f"""
import http.client, ssl, sys
trusting = ssl.create_default_context(cafile=sys.argv[1])
page = http.client.HTTPSConnection("{LAPTOP}", 3000, timeout=20, context=trusting)
page.request("GET", "/")
answer = page.getresponse()
assert answer.status == 200, answer.status
assert "Secure" in answer.getheader("set-cookie"), answer.getheaders()
assert answer.getheader("strict-transport-security") is None
answer.read()
page.request("GET", "/moim-ca.crt")
assert page.getresponse().getheader("content-type") == "application/x-x509-ca-cert"
plain = http.client.HTTPConnection("{LAPTOP}", 3000, timeout=20)
plain.request("GET", "/r/a")
answer = plain.getresponse()
assert answer.status == 307, answer.status
assert answer.getheader("location") == "https://{LAPTOP}:3000/r/a"
strict = ssl.create_default_context()
try:
    warned = http.client.HTTPSConnection("{LAPTOP}", 3000, timeout=20, context=strict)
    warned.request("GET", "/")
except ssl.SSLCertVerificationError:
    print("warned once")
"""


def main() -> None:
    """The argument is a folder."""
    folder = Path(sys.argv[1])

    def run(*command: str) -> str:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    phone = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    own, other = Path("/proc/self/ns/net"), Path(f"/proc/{phone.pid}/ns/net")
    until(lambda: other.readlink() != own.readlink(), Path(os.devnull))
    run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "phone")
    run("ip", "link", "set", "phone", "netns", str(phone.pid))
    run("ip", "addr", "add", f"{LAPTOP}/24", "dev", "cable")
    run("ip", "link", "set", "cable", "up")
    inside = ("nsenter", "-t", str(phone.pid), "-n")
    run(*inside, "ip", "addr", "add", f"{PHONE}/24", "dev", "phone")
    run(*inside, "ip", "link", "set", "phone", "up")

    log = start(block("docs/share/office-lan.md", "office-lan"), folder / "moim")
    until(answers("http://localhost:3000/healthz"), log)
    until(says(log, "Ctrl-C"), log)
    said = log.read_text()
    assert f"https://{LAPTOP}:3000" in said, said
    assert "▀" in said, "no QR code"
    ca = folder / "moim-ca.crt"
    insecure = ssl.create_default_context()
    insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(f"https://{LAPTOP}:3000/moim-ca.crt", context=insecure) as answer:
        ca.write_bytes(answer.read())
    assert "warned once" in run(*inside, sys.executable, "-c", VISIT, str(ca))
    sys.stdout.write("all is well\n")


if __name__ == "__main__":
    main()
