"""A certificate for addresses of a test network, and how Chromium is told to trust it."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two files, and the hash by which one Chromium trusts what they hold."""

    cert: Path
    key: Path
    spki: str

    @property
    def trust(self) -> str:
        """An argument for Chromium. Source: chromium, `ignore-certificate-errors-spki-list`."""
        return f"--ignore-certificate-errors-spki-list={self.spki}"


def make(folder: Path, *addresses: str) -> Certificate:
    """Make a self-signed certificate for IP addresses, valid from yesterday until tomorrow."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay of a test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(one)) for one in addresses]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "relay.crt", folder / "relay.key", _spki(key.public_key()))
    made.cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def _spki(key: ec.EllipticCurvePublicKey) -> str:
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
