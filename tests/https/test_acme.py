"""A certificate for a domain, from a real authority that really looks."""

import os
import ssl
import stat
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from cryptography import x509

from moim.https.acme_folder import AcmeFolder
from tests.https.pebble import (
    NAME,
    REFUSED_NAME,
    Moim,
    Pebble,
    free_port,
    moim,
    pebble,
    until,
)

pytestmark = pytest.mark.network


def wanting(authority: Pebble) -> dict[str, str]:
    """The settings of a moim that asks this authority."""
    return {
        "domain": NAME,
        "acme_agree": "on",
        "acme_email": "me@example.org",
        "acme_directory": authority.directory,
        "acme_ca_file": str(authority.ca),
        "http_port": str(authority.http_port),
    }


def get(server: Moim, trusting: ssl.SSLContext, path: str = "/healthz") -> httpx.Response:
    """Ask over HTTPS as a browser does that knows the name."""
    with httpx.Client(verify=trusting, trust_env=False) as client:
        asked = client.build_request(
            "GET",
            f"https://127.0.0.1:{server.port}{path}",
            headers={"host": f"{NAME}:{server.port}"},
            extensions={"sni_hostname": NAME},
        )
        return client.send(asked)


def test_a_first_start_gets_a_certificate_and_a_second_start_keeps_it(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        settings = wanting(authority)
        with moim(tmp_path / "data", **settings) as server:
            server.heard(r"^The certificate is here, until \d{4}-")
            assert server.says(rf"^Getting a certificate for {NAME}")
            assert server.says(rf"^Open  https://{NAME}:{server.port}$")
            answer = get(server, authority.trusting())
            assert answer.status_code == 200
            # Nobody's browser knows this authority: no promise that could lock people out.
            assert "strict-transport-security" not in answer.headers
            status, headers, _ = server.ask_plain("/r/abcd-efgh-jkm?x=1")
            assert status == 307
            assert headers["location"] == f"https://{NAME}:{server.port}/r/abcd-efgh-jkm?x=1"
            first = server.shown()
            folder = AcmeFolder.of(tmp_path / "data", authority.directory)
            kept = sorted(path for path in folder.path.iterdir() if path.is_file())
            assert {path.name for path in kept} >= {"account.json", "certificate.pem"}
            if os.name != "nt":
                assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
        with moim(tmp_path / "data", **settings) as server:
            server.heard(r"^Ctrl-C")
            assert server.shown() == first
            assert not server.says("Getting a certificate")


def test_a_nonce_that_is_refused_is_asked_for_again(tmp_path: Path) -> None:
    with (
        pebble(tmp_path / "ca", PEBBLE_WFE_NONCEREJECT="60") as authority,
        moim(tmp_path / "data", **wanting(authority)) as server,
    ):
        server.heard("^The certificate is here")
        assert get(server, authority.trusting()).status_code == 200


def test_several_names_share_a_certificate_and_a_further_one_gets_a_new(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        settings = wanting(authority)
        with moim(tmp_path / "data", **settings) as server:
            server.heard("^The certificate is here")
        settings["domain"] = f"{NAME}, www.example.test"
        with moim(tmp_path / "data", **settings) as server:
            server.heard("^The certificate is here")
            held = server.shown().extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = held.value.get_values_for_type(x509.DNSName)
            assert sorted(names) == [NAME, "www.example.test"]


def test_a_refusal_says_what_to_fix_and_a_restart_does_not_ask_sooner(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        authority.lead("127.0.0.2")
        settings = wanting(authority) | {"host": "127.0.0.1"}
        with moim(tmp_path / "data", **settings) as server:
            server.heard("^code acme_port_closed: no certificate yet, moim tries again at ")
            assert server.says(f"reaches nobody on port 80 of {NAME}")
            # The port answers meanwhile, with a certificate that nobody vouches for.
            assert server.shown().issuer == server.shown().subject
            assert server.ask_plain("/")[0] == 307
        asked = orders(authority)
        assert asked == 1
        with moim(tmp_path / "data", **settings) as server:
            server.heard("^code acme_port_closed: no certificate yet, moim tries again at ")
            assert not server.says("Getting a certificate")
            assert orders(authority) == asked


def test_another_web_server_on_port_80_is_named_as_the_cause(tmp_path: Path) -> None:
    with (
        HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other,
        pebble(tmp_path / "ca", http_port=other.server_port) as authority,
    ):
        answering = Thread(target=other.serve_forever)
        answering.start()
        try:
            settings = wanting(authority) | {"http_port": str(free_port())}
            with moim(tmp_path / "data", **settings) as server:
                server.heard("^code acme_other_server: no certificate yet")
                assert server.says("answered by something else than this moim")
        finally:
            other.shutdown()
            answering.join()


def test_a_name_that_the_authority_does_not_sign_for_is_said(tmp_path: Path) -> None:
    with (
        pebble(tmp_path / "ca") as authority,
        moim(tmp_path / "data", **wanting(authority) | {"domain": REFUSED_NAME}) as server,
    ):
        server.heard("^code acme_name_refused: no certificate yet")
        assert server.says(f"does not sign for {REFUSED_NAME}")


def orders(authority: Pebble) -> int:
    """How often the authority was asked for a certificate."""
    log = (authority.folder / "pebble.log").read_text()
    return log.count("POST /order-plz")


def test_an_authority_that_is_not_there_is_said_and_the_server_serves(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        settings = wanting(authority) | {"acme_directory": f"https://localhost:{free_port()}/dir"}
    with moim(tmp_path / "data", **settings) as server:
        server.heard("^code acme_unreachable: ")
        assert server.says("Is this machine on the internet")
        assert server.shown().issuer == server.shown().subject


def test_without_agreement_the_terms_are_shown_and_nothing_is_asked_for(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca") as authority:
        settings = wanting(authority) | {"acme_agree": "off"}
        with moim(tmp_path / "data", **settings) as server:
            until(lambda: server.process.poll() is not None, "the end of moim")
        assert server.process.returncode == 2
        assert server.says(r"agree to its terms \(data:|agree to its terms \(https?:")
        assert server.says("--agree-terms")
        assert orders(authority) == 0
