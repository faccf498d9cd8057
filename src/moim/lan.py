"""HTTPS for the local network: a certificate authority (CA) of this machine's own, made once.

Browsers give a camera to secure pages only, and no public CA can sign for `192.168.1.5`. So moim
signs for itself. People who trust the CA trust it for one local network and no more: it is
constrained by name to this machine's names, `.local` and private addresses, and to web servers; a
stolen key cannot vouch for a bank.

Files in the folder: `ca.pem` and `server.pem` (keys inside, readable by their owner only) and
`moim-ca.crt`, the certificate to hand out.

Source: RFC 5280 section 4.2.1.10 (name constraints); CA/Browser Forum Baseline Requirements 6.3.2
(leaf lifetime of at most 398 days, which browsers enforce for public CAs).
"""

import ipaddress
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from moim import platform
from moim.platform import IpAddress

CA_LIFETIME: Final = timedelta(days=3650)
LEAF_LIFETIME: Final = timedelta(days=397)
RENEW_BEFORE: Final = timedelta(days=30)
CLOCK_SKEW: Final = timedelta(days=1)  # phones with a slow clock refuse what begins in the future

CA_FILE: Final = "ca.pem"
CA_CERTIFICATE_FILE: Final = "moim-ca.crt"
SERVER_FILE: Final = "server.pem"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(one)
    for one in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",  # RFC 6598: private meshes such as Tailscale
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


@dataclass(frozen=True)
class LanHost:
    """Under which names and addresses this machine is reached on its local network."""

    name: str
    addresses: tuple[IpAddress, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the one that other devices can resolve (mDNS, RFC 6762) first."""
        return tuple(dict.fromkeys((f"{self.name}.local", self.name, "localhost")))


@dataclass(frozen=True)
class Certificates:
    """Where the certificates lie; `ca_is_new` when nobody can have trusted this CA before."""

    ca: Path
    server: Path
    ca_is_new: bool


def this_host() -> LanHost:
    """Look up the names and local addresses that this machine has now."""
    name = platform.host_name()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        name = "moim"  # a certificate cannot hold underscores or other scripts
    return LanHost(name, tuple(ip for ip in platform.network_addresses() if is_local(ip)))


def is_local(ip: IpAddress) -> bool:
    """Tell whether an address belongs to local networks, for which alone the CA may sign."""
    return any(ip in network for network in LOCAL_NETWORKS if network.version == ip.version)


def lan_folder(data_dir: Path) -> Path:
    """Say where a data folder keeps the local CA."""
    return data_dir / "lan"


def ensure_certificates(folder: Path, host: LanHost, now: datetime) -> Certificates:
    """Make what is missing or near its end: the CA once, the server's certificate as needed."""
    certificate, key, is_new = _ensure_ca(folder, host, now)
    server = folder / SERVER_FILE
    if not _serves(server, certificate, host, now):
        platform.write_private_file(server, _issue(certificate, key, host, now))
    return Certificates(folder / CA_CERTIFICATE_FILE, server, is_new)


def server_context(server: Path) -> ssl.SSLContext:
    """Give the TLS context of the server; loading the file again renews a context in use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(server)
    return context


def fingerprint(certificate: Path) -> str:
    """Give the SHA-256 of a certificate as people compare it: `AB:CD:…`."""
    digest = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def _ensure_ca(
    folder: Path, host: LanHost, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    path = folder / CA_FILE
    loaded = _load(path)
    is_new = loaded is None or loaded[0].not_valid_after_utc < now + LEAF_LIFETIME
    if is_new:
        pem = _make_ca(host, now)
        if loaded is None and not path.exists():
            platform.create_private_file(path, pem)  # another process may be first: use its CA
        else:
            platform.write_private_file(path, pem)
        loaded = _load(path)
    assert loaded is not None  # noqa: S101 - we have just written it
    public = loaded[0].public_bytes(serialization.Encoding.PEM)
    shown = folder / CA_CERTIFICATE_FILE
    if not shown.exists() or shown.read_bytes() != public:
        shown.write_bytes(public)
    return *loaded, is_new


def _load(path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """Read a certificate and its key; None when they are not there or do not belong together."""
    try:
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError):
        return None
    fits = isinstance(key, ec.EllipticCurvePrivateKey) and (
        key.public_key() == certificate.public_key()
    )
    return (certificate, key) if fits and isinstance(key, ec.EllipticCurvePrivateKey) else None


def _make_ca(host: LanHost, now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"moim on {host.name}")
    certificate = (
        _builder(name, name, key.public_key(), now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        # On a CA this is a limit, too: no signed mail, no signed programs.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_constraints(host), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(key, [certificate])


def _constraints(host: LanHost) -> x509.NameConstraints:
    names = dict.fromkeys(("local", "localhost", host.name))  # each with all names below it
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(name) for name in names),
            *(x509.IPAddress(network) for network in LOCAL_NETWORKS),
        ],
        excluded_subtrees=None,
    )


def _issue(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, host: LanHost, now: datetime
) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _builder(
            _name(f"moim server {host.name}"), ca.subject, key.public_key(), now, LEAF_LIFETIME
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_wanted(ca, host)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    return _pem(key, [certificate, ca])


def _wanted(ca: x509.Certificate, host: LanHost) -> list[x509.GeneralName]:
    """List what the server's certificate must hold, as far as the CA may vouch for it.

    A machine that was renamed keeps its CA, which cannot sign for the new bare name; the new
    `.local` name works.
    """
    permitted = (
        ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    )
    suffixes = [one.value for one in permitted if isinstance(one, x509.DNSName)]
    names = [
        x509.DNSName(name)
        for name in host.names
        if any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)
    ]
    loopback = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
    return [*names, *(x509.IPAddress(ip) for ip in (*host.addresses, *loopback))]


def _serves(server: Path, ca: x509.Certificate, host: LanHost, now: datetime) -> bool:
    loaded = _load(server)
    if loaded is None:
        return False
    certificate = loaded[0]
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        certificate.not_valid_before_utc <= now
        and certificate.not_valid_after_utc >= now + RENEW_BEFORE
        and set(_wanted(ca, host)) <= set(held)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "moim local CA"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),  # RFC 5280 upper bound
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    begins = now - CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey, chain: Iterable[x509.Certificate]) -> bytes:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)


def lan_urls(host: LanHost, port: int, root_path: str) -> list[str]:
    """List the addresses for others on the network; all are HTTPS, where a camera works."""
    hosts = [
        *(str(ip) for ip in host.addresses if ip.version == 4),
        host.names[0],
        *(f"[{ip}]" for ip in host.addresses if ip.version == 6),
    ]
    return [f"https://{one}:{port}{root_path}" for one in hosts]


WARNING_TEXT: Final = (
    "A browser warns once, because it does not know this server's certificate:\n"
    'choose "Advanced" (or "Show details"), then continue. The connection is encrypted either way.'
)

TRUST_TEXT: Final = """\
To have no warning at all, let a device trust moim's local CA. It can vouch for local names and
private addresses only. Download moim-ca.crt on the device from {url} and compare its SHA-256:
{fingerprint}

Windows   Open the file > Install certificate > Current user > "Place all certificates in the
          following store" > Trusted Root Certification Authorities.
macOS     Open the file (Keychain Access), double-click "moim on …" > Trust > Always trust.
iOS       Open the address in Safari > Allow. Settings > Profile Downloaded > Install; then
          General > About > Certificate Trust Settings > switch it on.
Android   Settings > Security > More > Encryption & credentials > Install a certificate >
          CA certificate.
Linux     Chrome: chrome://certificate-manager > Custom > Trusted certificates > Import.
          System (curl): copy it to /usr/local/share/ca-certificates/, run update-ca-certificates.
Firefox   Settings > Privacy & Security > View Certificates > Authorities > Import.
"""
