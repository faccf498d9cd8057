"""What is read of a certificate before it is shown: match, time, order, names, who trusts it."""

from datetime import timedelta
from pathlib import Path

import pytest

from moim.https.certificate import (
    Certificate,
    CertificateError,
    missing_names,
    mozilla_roots,
    parse,
    read,
)
from tests.https.made import DAY, NOW, Signer, key_pem, pem, self_signed

ROOT = Signer.root()
BETWEEN = ROOT.between()
SERVER = BETWEEN.server("meet.example.org", "*.rooms.example.org")
CHAIN = pem(SERVER.certificate, BETWEEN.certificate)


def code_of(chain: bytes, key: bytes, later: timedelta = timedelta()) -> str:
    with pytest.raises(CertificateError) as refused:
        parse(chain, key, NOW + later)
    return refused.value.code


def test_a_chain_and_its_key_are_read_from_two_files_or_from_one(tmp_path: Path) -> None:
    chain, key = SERVER.write(tmp_path, BETWEEN)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + chain.read_bytes())
    assert read(chain, key, NOW) == read(both, both, NOW)
    assert read(chain, key, NOW).chain == (SERVER.certificate, BETWEEN.certificate)


def test_each_fault_has_its_code() -> None:
    key = key_pem(SERVER.key)
    assert code_of(CHAIN, key_pem(BETWEEN.key)) == "certificate_key_mismatch"
    assert code_of(CHAIN, key, 89 * DAY) == "certificate_expired"
    assert code_of(CHAIN, key, -2 * DAY) == "certificate_not_yet"
    assert code_of(b"", key) == "certificate_unreadable"
    assert code_of(CHAIN, b"") == "certificate_unreadable"
    assert code_of(CHAIN, key_pem(SERVER.key, b"secret")) == "certificate_unreadable"
    stranger = Signer.root("Stranger")
    assert code_of(pem(SERVER.certificate, stranger.certificate), key) == "certificate_chain"


def test_its_last_moment_is_not_valid_any_more_and_its_first_is() -> None:
    key = key_pem(SERVER.key)
    ends = SERVER.certificate.not_valid_after_utc - NOW
    assert parse(CHAIN, key, NOW - DAY).begins == NOW - DAY
    assert parse(CHAIN, key, NOW + ends - timedelta(seconds=1)).ends == NOW + ends
    assert code_of(CHAIN, key, ends) == "certificate_expired"


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("meet.example.org", True),
        ("MEET.example.ORG.", True),
        ("a.rooms.example.org", True),
        ("a.b.rooms.example.org", False),  # a star is one label
        ("rooms.example.org", False),
        ("example.org", False),
        ("meet.example.org.evil.org", False),
    ],
)
def test_names_are_covered_as_browsers_see_it(name: str, covered: bool) -> None:
    certificate = Certificate((SERVER.certificate,))
    assert certificate.covers(name) is covered
    assert missing_names(certificate, [name]) == ([] if covered else [name])


def test_only_a_whole_chain_to_a_known_authority_is_public() -> None:
    roots = [ROOT.certificate]
    whole = Certificate((SERVER.certificate, BETWEEN.certificate))
    assert whole.is_public(NOW, roots)
    assert not Certificate((SERVER.certificate,)).is_public(NOW, roots)  # what is between lacks
    assert not whole.is_public(NOW)  # no browser knows our root
    assert not whole.is_public(NOW + 90 * DAY, roots)
    alone = Certificate((self_signed("meet.example.org").certificate,))
    assert alone.is_self_signed
    assert not alone.is_public(NOW)
    assert not whole.is_self_signed


def test_a_certificate_for_names_with_a_star_alone_can_be_public() -> None:
    star = BETWEEN.server("*.example.org")
    assert Certificate((star.certificate, BETWEEN.certificate)).is_public(NOW, [ROOT.certificate])


def test_the_list_of_public_authorities_is_read() -> None:
    assert len(mozilla_roots()) > 50
