"""The pages on sharing moim: their very blocks are run, in a network of their own."""

from pathlib import Path

import pytest

from tests.https.made import Signer
from tests.https.pebble import moim
from tests.https.private_network import block, run_alone
from tests.programs import need

pytestmark = pytest.mark.network

NAME = "meet.example.org"
HERE = {"localhost": "127.0.0.1", NAME: "127.0.0.1"}


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_call_goes_through_the_proxy_as_the_page_sets_it_up(tmp_path: Path, kind: str) -> None:
    need(kind)
    program = "tests.docs.programs.behind_a_proxy"
    assert "all is well" in run_alone(tmp_path, program, kind, str(tmp_path), hosts=HERE)


def test_the_command_of_the_page_gets_a_certificate_on_the_ports_of_the_web(tmp_path: Path) -> None:
    need("pebble")
    program = "tests.docs.programs.with_a_domain"
    assert "all is well" in run_alone(tmp_path, program, str(tmp_path), hosts=HERE)


def test_a_phone_in_the_office_is_led_to_https_and_trusts_the_ca(tmp_path: Path) -> None:
    program = "tests.docs.programs.in_the_office"
    hosts = {"localhost": "127.0.0.1"}
    assert "all is well" in run_alone(tmp_path, program, str(tmp_path), hosts=hosts)


def test_the_command_for_ones_own_certificate_is_taken(tmp_path: Path) -> None:
    words = block("docs/share/domain.md", "own-certificate").split()
    assert words[:5] == ["moim", "--cert", "fullchain.pem", "--key", "privkey.pem"]
    chain, key = Signer.root().server(NAME).write(tmp_path)
    assert [words[2], words[4]] == [chain.name, key.name]
    with moim(tmp_path / "data", "--cert", str(chain), "--key", str(key)) as server:
        server.heard(f"^Open  https://{NAME}:{server.port}$")
