"""The doctor on HTTPS: each fault is told with what to do; only what is asked for is looked at."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from moim import doctor, platform
from moim.doctor import BAD, NOTE, OK, Finding, https
from moim.https.acme_folder import AcmeFolder
from moim.https.schedule import Attempts
from moim.listening import listen
from moim.settings import Settings, load_settings
from tests.https.made import DAY, NOW, Signer, key_pem, pem
from tests.https.pebble import free_port

NAME = "meet.example.test"
ROOT = Signer.root()


def for_domain(tmp_path: Path, **more: object) -> Settings:
    return load_settings(data_dir=tmp_path, domain=(NAME,), acme_agree=True, **more)


def keep(settings: Settings, server: Signer) -> AcmeFolder:
    folder = AcmeFolder.of(settings.data_dir, settings.acme_directory)
    folder.keep_certificate(key_pem(server.key), pem(server.certificate))
    return folder


async def test_nothing_is_said_of_https_where_it_is_not_asked_for(tmp_path: Path) -> None:
    assert [one async for one in https.examine(load_settings(data_dir=tmp_path))] == []
    lan = load_settings(data_dir=tmp_path, lan=True)
    assert [one async for one in https.examine(lan)] == []


@pytest.mark.parametrize(
    ("begins", "ends", "level", "words"),
    [
        (-1, 89, OK, NAME),
        (-61, 29, OK, NAME),
        (-75, 15, BAD, "is not renewed"),
        (-91, -1, NOTE, "none yet"),
    ],
)
def test_the_certificate_of_a_domain(
    tmp_path: Path, begins: int, ends: int, level: str, words: str
) -> None:
    settings = for_domain(tmp_path)
    keep(settings, ROOT.server(NAME, begins=NOW + begins * DAY, ends=NOW + ends * DAY))
    found = https.domain_certificate(settings, NOW)
    assert found.level == level
    assert words in found.words


def test_no_certificate_after_a_failure_is_a_fault_with_its_code(tmp_path: Path) -> None:
    settings = for_domain(tmp_path)
    assert https.domain_certificate(settings, NOW).level == NOTE
    folder = AcmeFolder.of(settings.data_dir, settings.acme_directory)
    folder.keep_attempts(Attempts(1, "acme_port_closed", NOW + timedelta(minutes=1)), NAME + " ")
    found = https.domain_certificate(settings, NOW)
    assert found.level == BAD
    assert "acme_port_closed" in found.words


def test_a_name_that_was_added_is_noted(tmp_path: Path) -> None:
    keep(for_domain(tmp_path), ROOT.server(NAME))
    more = load_settings(data_dir=tmp_path, domain=(NAME, "www.example.test"))
    found = https.domain_certificate(more, NOW)
    assert (found.level, "www.example.test" in found.words) == (NOTE, True)


def test_ones_own_certificate(tmp_path: Path) -> None:
    chain, key = ROOT.server(NAME).write(tmp_path)

    def look(**more: object) -> Finding:
        settings = load_settings(data_dir=tmp_path, cert=chain, key=key, **more)
        return https.own_certificate(settings, NOW)

    assert look().level == NOTE
    assert "do not know who signed" in look().words
    other = look(public_url="https://other.example.test")
    assert other.level == BAD
    assert "other.example.test" in other.words
    ROOT.server(NAME, ends=NOW + 3 * DAY).write(tmp_path)
    assert "soon" in look().words
    key.write_bytes(key_pem(ROOT.key))
    assert look().level == BAD
    assert "certificate_key_mismatch" in look().words


async def test_an_authority_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    settings = for_domain(tmp_path, acme_directory=f"https://localhost:{free_port()}/dir")
    found = await https.authority(settings)
    assert found.level == BAD
    assert "acme_unreachable" in found.words


@pytest.mark.parametrize(
    ("leads_to", "level", "words"),
    [
        (set(), BAD, "leads nowhere"),
        ({"192.0.2.1"}, OK, "this machine"),
        ({"192.0.2.1", "2001:db8::1"}, NOTE, "2001:db8::1"),
    ],
)
async def test_the_record_is_compared_with_the_addresses_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, leads_to: set[str], level: str, words: str
) -> None:
    import ipaddress

    async def found(_name: str) -> set[str]:
        return leads_to

    own = [ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("10.0.0.5")]
    monkeypatch.setattr(platform, "network_addresses", lambda: own)
    monkeypatch.setattr(https, "addresses_of", found)
    finding = await https.dns_record((NAME,))
    assert finding.level == level
    assert words in finding.words


async def test_a_name_is_looked_up() -> None:
    assert "127.0.0.1" in await https.addresses_of("localhost")
    assert await https.addresses_of("a..b") == set()


async def test_the_port_for_plain_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "PATIENCE_S", 0.2)
    settings = for_domain(tmp_path)
    assert (await https.http_port(settings, free_port())).level == OK
    taken = listen("localhost", 0)
    try:
        found = await https.http_port(settings, taken.port)
    finally:
        taken.close()
    assert found.level == BAD
    assert "used by another program" in found.words


def test_a_proxy_that_is_not_there_is_noted() -> None:
    found = https.proxy(f"https://localhost:{free_port()}", "")
    assert found.level == NOTE
    assert "not reached" in found.words


async def test_a_name_that_leads_nowhere_is_noted() -> None:
    assert (await https.way_in("a..b")).level == NOTE


async def test_ids_are_stable_and_each_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "PATIENCE_S", 0.2)
    settings = for_domain(
        tmp_path,
        port=0,
        http_port=free_port(),
        acme_directory=f"https://localhost:{free_port()}/dir",
    )
    ids = [finding.id for finding in await doctor.examine(settings)]
    assert len(ids) == len(set(ids))
    assert {"python", "data_folder", "disk", "clock", "web_client", "port", "stun"} <= set(ids)
    assert {"certificate", "authority", "dns_record", "http_port", "way_in"} <= set(ids)


def test_programs_get_json_and_the_same_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "moim", "doctor", "--port", "0", "--data-dir", str(tmp_path)]
    people = subprocess.run(command, capture_output=True, text=True, check=False)
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == people.returncode == (0 if told["ok"] else 1)
    assert told["ok"] == all(one["level"] != BAD for one in told["findings"])
    assert [set(one) for one in told["findings"]] == [{"id", "level", "what", "words"}] * len(
        people.stdout.splitlines()
    )
