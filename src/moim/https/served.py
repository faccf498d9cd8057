"""The certificate that new connections get. Those that are open keep theirs: no call is dropped.

It is replaced as a whole, never half: a context is made and checked before it takes the place of
the one in use.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from moim import platform
from moim.https import certificate
from moim.https.certificate import Certificate, CertificateError

INTERIM_LIFETIME = timedelta(days=7)


@dataclass
class Served:
    """What the port shows now. `is_public`: browsers trust it without being told."""

    context: ssl.SSLContext
    certificate: Certificate
    is_public: bool

    @classmethod
    def load(cls, chain_file: Path, key_file: Path, now: datetime) -> "Served":
        """Read a certificate and its key from files.

        Raises: CertificateError.
        """
        read = certificate.read(chain_file, key_file, now)
        return cls(tls_context(chain_file, key_file), read, read.is_public(now))

    def replace(self, other: "Served") -> None:
        """Show another certificate from the next handshake on."""
        self.context = other.context
        self.certificate, self.is_public = other.certificate, other.is_public

    def current_context(self) -> ssl.SSLContext:
        """Give the context for a handshake that begins now."""
        return self.context


def tls_context(chain_file: Path, key_file: Path) -> ssl.SSLContext:
    """Make the TLS context of a server.

    Raises: CertificateError (`certificate_unreadable`) for what OpenSSL does not take.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password would be asked for on the terminal, and the server would wait for ever.
        context.load_cert_chain(chain_file, key_file, password=_no_password)
    except (ssl.SSLError, OSError, ValueError):
        raise CertificateError(
            "certificate_unreadable",
            f"{chain_file.name} and {key_file.name} cannot be used for HTTPS: OpenSSL refuses "
            "them. Small keys and old signatures are a cause.",
        ) from None
    return context


def _no_password() -> bytes:
    return b""


def interim(path: Path, names: tuple[str, ...]) -> Served:
    """Make a certificate that nobody vouches for, until there is a real one: the port answers."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "moim, waiting")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + INTERIM_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + made.public_bytes(serialization.Encoding.PEM)
    platform.write_private_file(path, pem)
    return Served.load(path, path, now)
