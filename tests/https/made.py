"""Certificates for tests, made on the spot: an authority, one between, a server's own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def key_pem(key: Key, password: bytes | None = None) -> bytes:
    """A key as programs write it."""
    encryption = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password)
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates one after the other, as in a chain file."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, which signs others where it is an authority."""

    certificate: x509.Certificate
    key: Key

    @classmethod
    def root(cls, name: str = "Test Root") -> "Signer":
        return _made(name, None, (), NOW - 30 * DAY, NOW + 3650 * DAY, ca=True)

    def between(self, name: str = "Test Intermediate") -> "Signer":
        return _made(name, self, (), NOW - 20 * DAY, NOW + 1000 * DAY, ca=True)

    def server(
        self,
        *names: str,
        begins: datetime = NOW - DAY,
        ends: datetime = NOW + 89 * DAY,
    ) -> "Signer":
        return _made(names[0], self, names, begins, ends, ca=False)

    def write(self, folder: Path, *others: "Signer") -> tuple[Path, Path]:
        """The chain and the key as two files."""
        chain, key = folder / "fullchain.pem", folder / "privkey.pem"
        chain.write_bytes(pem(self.certificate, *(one.certificate for one in others)))
        key.write_bytes(key_pem(self.key))
        return chain, key


def self_signed(*names: str) -> Signer:
    """A server that vouches for itself."""
    return _made(names[0], None, names, NOW - DAY, NOW + 89 * DAY, ca=False)


def _made(
    name: str,
    signer: Signer | None,
    names: tuple[str, ...],
    begins: datetime,
    ends: datetime,
    *,
    ca: bool,
) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    signing = signer.key if signer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                key_cert_sign=ca,
                crl_sign=ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        held = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(usage, critical=False).add_extension(held, critical=False)
    return Signer(builder.sign(signing, hashes.SHA256()), key)
