"""Stands in for cloudflared, which no package registry has: it says what that says, and waits.

Its tunnel has a name and no public end. `TEST_CLOUDFLARED` is the file in which it writes its
process id and arguments, a line each start; `TEST_CLOUDFLARED_FAILS` makes it fail as it does
without a network.
"""

import os
import sys
import time
from pathlib import Path

SAID = """\
INF Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare account, is a quick way
INF Requesting new quick Tunnel on trycloudflare.com...
INF +--------------------------------------------------------------------------------------------+
INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |
INF |  https://gentle-river-foo-bar.trycloudflare.com                                            |
INF +--------------------------------------------------------------------------------------------+
INF Registered tunnel connection connIndex=0 event=0 ip=198.51.100.7 location=icn05 protocol=quic
"""
FAILED = 'ERR Failed to get tunnel credentials error="dial tcp: lookup api.trycloudflare.com"\n'


def main() -> int:
    with Path(os.environ["TEST_CLOUDFLARED"]).open("a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {' '.join(sys.argv[1:])}\n")
    fails = "TEST_CLOUDFLARED_FAILS" in os.environ
    for line in (FAILED if fails else SAID).splitlines():
        sys.stderr.write(f"2026-01-01T00:00:00Z {line}\n")
    sys.stderr.flush()
    if fails:
        return 1
    time.sleep(600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
