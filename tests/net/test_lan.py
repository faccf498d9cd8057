"""The local CA: it signs for this network, cannot sign for anybody else, and is made once."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from moim import lan, platform
from moim.lan import LanHost, ensure_certificates, server_context
from moim.settings import load_settings

NOW = datetime.now(UTC).replace(microsecond=0)
HOST = LanHost(
    "kitchen",
    (
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("192.168.1.5"),
        ipaddress.ip_address("fd00::5"),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data") / "lan"
    ensure_certificates(made, HOST, NOW)
    return made


def handshake(server: ssl.SSLContext, ca: Path, name: str) -> None:
    """Do a TLS handshake in memory, with a client that trusts nothing but the CA."""
    client = ssl.create_default_context(cafile=str(ca))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


@pytest.mark.parametrize(
    "name",
    ["192.168.1.5", "fd00::5", "127.0.0.1", "::1", "kitchen.local", "kitchen", "localhost"],
)
def test_a_client_that_trusts_only_the_ca_accepts_each_local_address(
    folder: Path, name: str
) -> None:
    handshake(server_context(folder / lan.SERVER_FILE), folder / lan.CA_CERTIFICATE_FILE, name)


def test_an_address_that_is_not_this_machines_is_refused(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        handshake(
            server_context(folder / lan.SERVER_FILE),
            folder / lan.CA_CERTIFICATE_FILE,
            "192.168.1.6",
        )


def signed_by_the_ca(folder: Path, name: x509.GeneralName) -> ssl.SSLContext:
    """Make a certificate as a thief of the CA's key would."""
    pem = (folder / lan.CA_FILE).read_bytes()
    ca = x509.load_pem_x509_certificate(pem)
    ca_key = serialization.load_pem_private_key(pem, None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(ca_key, hashes.SHA256())
    )
    path = folder / "stolen.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
        + ca.public_bytes(serialization.Encoding.PEM)
    )
    return server_context(path)


@pytest.mark.parametrize(
    "name",
    ["example.com", "notkitchen", "local.example.com", "93.184.216.34", "2001:db8::1"],
)
def test_the_ca_cannot_vouch_for_anybody_else(folder: Path, name: str) -> None:
    try:
        general: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        general = x509.DNSName(name)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(signed_by_the_ca(folder, general), folder / lan.CA_CERTIFICATE_FILE, name)


def test_the_thief_could_vouch_for_a_local_name(folder: Path) -> None:
    # The counter-test: the refusals above are due to the names and to nothing else.
    context = signed_by_the_ca(folder, x509.DNSName("printer.local"))
    handshake(context, folder / lan.CA_CERTIFICATE_FILE, "printer.local")


def test_keys_are_their_owners_alone_and_the_certificate_has_none(folder: Path) -> None:
    assert platform.is_private(folder / lan.CA_FILE)
    assert platform.is_private(folder / lan.SERVER_FILE)
    assert b"PRIVATE" not in (folder / lan.CA_CERTIFICATE_FILE).read_bytes()


def test_the_certificate_of_the_server_ends_within_397_days(folder: Path) -> None:
    leaf = x509.load_pem_x509_certificate((folder / lan.SERVER_FILE).read_bytes())
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)


def made_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    assert ensure_certificates(tmp_path, HOST, NOW).ca_is_new
    before = made_files(tmp_path)
    assert not ensure_certificates(tmp_path, HOST, NOW + timedelta(days=300)).ca_is_new
    assert made_files(tmp_path) == before
    assert sorted(before) == [lan.CA_FILE, lan.CA_CERTIFICATE_FILE, lan.SERVER_FILE]


@pytest.mark.parametrize(
    ("host", "later"),
    [
        (LanHost("kitchen", (ipaddress.ip_address("10.0.0.9"),)), timedelta()),
        (LanHost("renamed", HOST.addresses), timedelta()),
        (HOST, timedelta(days=370)),
        (HOST, timedelta(days=-30)),
    ],
)
def test_the_server_gets_a_new_certificate_of_the_same_ca(
    tmp_path: Path, host: LanHost, later: timedelta
) -> None:
    ensure_certificates(tmp_path, HOST, NOW)
    before = made_files(tmp_path)
    ensure_certificates(tmp_path, host, NOW + later)
    after = made_files(tmp_path)
    assert after[lan.CA_FILE] == before[lan.CA_FILE]
    assert after[lan.SERVER_FILE] != before[lan.SERVER_FILE]
    if not later:
        ca = tmp_path / lan.CA_CERTIFICATE_FILE
        handshake(server_context(tmp_path / lan.SERVER_FILE), ca, str(host.addresses[0]))
        handshake(server_context(tmp_path / lan.SERVER_FILE), ca, f"{host.name}.local")


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_damaged_files_are_made_again(tmp_path: Path, damage: bytes) -> None:
    ensure_certificates(tmp_path, HOST, NOW)
    for name in (lan.CA_FILE, lan.SERVER_FILE):
        (tmp_path / name).write_bytes(damage)
    assert ensure_certificates(tmp_path, HOST, NOW).ca_is_new
    handshake(
        server_context(tmp_path / lan.SERVER_FILE), tmp_path / lan.CA_CERTIFICATE_FILE, "localhost"
    )


def test_a_context_in_use_takes_the_new_certificate(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, HOST, NOW)
    context = server_context(made.server)
    moved = LanHost("kitchen", (ipaddress.ip_address("10.0.0.9"),))
    context.load_cert_chain(ensure_certificates(tmp_path, moved, NOW).server)
    handshake(context, made.ca, "10.0.0.9")


async def test_this_machine_is_reached_over_tls_under_its_local_addresses(tmp_path: Path) -> None:
    host = lan.this_host()
    made = ensure_certificates(tmp_path, host, NOW)
    addresses = [str(ip) for ip in host.addresses] or ["127.0.0.1"]
    client = ssl.create_default_context(cafile=str(made.ca))
    for address in addresses:
        listening = await asyncio.start_server(
            lambda _reader, writer: writer.close(), address, 0, ssl=server_context(made.server)
        )
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            _reader, writer = await asyncio.open_connection(address, port, ssl=client)
            assert writer.get_extra_info("peercert")["issuer"]
            writer.close()
            await writer.wait_closed()


def test_the_download_is_where_the_certificate_is_made(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    made = ensure_certificates(lan.lan_folder(settings.data_dir), HOST, NOW)
    assert made.ca == settings.ca_certificate


def test_only_addresses_with_https_are_shown_to_the_network() -> None:
    assert lan.lan_urls(HOST, 3000, "/meet")[1:] == [
        "https://192.168.1.5:3000/meet",
        "https://kitchen.local:3000/meet",
        "https://[fd00::5]:3000/meet",
    ]
