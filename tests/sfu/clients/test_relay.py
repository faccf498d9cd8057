"""A client that may use the relay alone: the credential that it was handed lets it through."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from livekit import rtc

from moim.media.turn import CoturnOptions, coturn_config
from moim.sfu_server import own_addresses
from tests.browser.server import free_port
from tests.programs import need
from tests.sfu.clients.sdk import Picture, people
from tests.sfu.clients.server import SfuServer

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

ANN = Picture(60, 200)
SECRET = "between-the-sfu-and-the-relay-alone"
DEADLINE_S = 20


@contextmanager
def coturn(folder: Path, address: str, port: int) -> Iterator[Path]:
    """A running relay, and its log."""
    options = CoturnOptions(
        secret=SECRET,
        realm="moim.test",
        port=port,
        listening_ips=(address,),
        relay_ips=(address,),
        allow=(address,),
        log="stdout",
        state_dir=folder,
    )
    file, log = folder / "turnserver.conf", folder / "coturn.log"
    file.write_text(coturn_config(options) + "verbose\n")
    database = f"--userdb={folder / 'turndb'}"
    subprocess.run([need("turnadmin"), "--list", database], check=True, capture_output=True)
    with log.open("wb") as output:
        command = [need("turnserver"), "-c", str(file)]
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            with socket.socket() as one:
                if one.connect_ex((address, port)) == 0:
                    break
            assert server.poll() is None, log.read_text(errors="replace")
            time.sleep(0.05)
        yield log
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])
async def test_media_goes_through_the_relay_with_the_credential_from_joining(
    tmp_path: Path, single: bool
) -> None:
    need("turnserver")
    # A relay never sends to the loopback of its machine.
    address = next((one for one in own_addresses() if "." in one), None)
    if address is None:
        pytest.skip("this machine has no network")
    port = free_port()
    yaml = (
        f"rtc: {{node_ip: {address}, udp_port: {free_port()}, turn_servers: "
        f"[{{host: {address}, port: {port}, secret: {SECRET}}}]}}"
    )
    only = rtc.IceTransportType.TRANSPORT_RELAY
    relayed = rtc.RtcConfiguration(ice_transport_type=only)
    with coturn(tmp_path, address, port) as log:
        async with SfuServer.running(tmp_path, yaml) as server, people("ann", "bob") as (ann, bob):
            await ann.join(server, single=single, rtc_config=relayed)
            await bob.join(server, single=single)
            await ann.show(ANN)
            await bob.sees("ann", ANN)
            sid = ann.room.local_participant.sid
        said = log.read_text(errors="replace")
    assert f":{sid}>" in said, said[-2000:]
