"""A certificate chain and its key, read and checked before a browser does it.

    CertificateError
        certificate_unreadable      no file, no PEM, or a key with a password
        certificate_key_mismatch    the key belongs to another certificate
        certificate_not_yet         valid later only: this, or the clock, is wrong
        certificate_expired         its time is over
        certificate_chain           the certificates in the file do not sign each other

Source: RFC 5280 (certificates), RFC 6125 section 6.4 (names), RFC 8446 section 4.4.2 (the order of
a chain: the server's own first, each next one signs the one before).
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class CertificateError(Exception):
    """A certificate that cannot be served; `code` is stable, the text is for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Certificate:
    """What a server shows to browsers: its own certificate first, then those that vouch for it."""

    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own certificate."""
        return self.chain[0]

    @property
    def begins(self) -> datetime:
        """From when on it is valid (UTC)."""
        return self.leaf.not_valid_before_utc

    @property
    def ends(self) -> datetime:
        """Until when it is valid (UTC)."""
        return self.leaf.not_valid_after_utc

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names and addresses that it is for."""
        try:
            held = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        addresses = held.get_values_for_type(x509.IPAddress)
        return (*held.get_values_for_type(x509.DNSName), *map(str, addresses))

    def covers(self, name: str) -> bool:
        """Tell whether a browser that asked for this name is satisfied; `*` is one label."""
        wanted = name.lower().rstrip(".")
        wildcard = f"*.{wanted.partition('.')[2]}"
        return any(one.lower() in (wanted, wildcard) for one in self.names)

    @property
    def is_self_signed(self) -> bool:
        """Whether it vouches for itself alone."""
        return _signs(self.leaf, self.leaf)

    def is_public(self, now: datetime, roots: Sequence[x509.Certificate] | None = None) -> bool:
        """Tell whether browsers trust it out of the box: a chain to a CA of Mozilla's list.

        `roots` stands for that list. Only then may a browser be told to insist on HTTPS.
        """
        names = [name for name in self.names if "*" not in name]
        asked = names[0] if names else next(iter(self.names), "").replace("*", "moim", 1)
        try:
            verifier = (
                verification.PolicyBuilder()
                .store(verification.Store(list(mozilla_roots() if roots is None else roots)))
                .time(now)
                .build_server_verifier(x509.DNSName(asked))
            )
            verifier.verify(self.leaf, list(self.chain[1:]))
        except (verification.VerificationError, ValueError, x509.UnsupportedGeneralNameType):
            return False
        return True


def read(chain_file: Path, key_file: Path, now: datetime) -> Certificate:
    """Read a certificate and its key from two files, or from one that holds both.

    Raises: CertificateError.
    """
    try:
        chain, key = chain_file.read_bytes(), key_file.read_bytes()
    except OSError as error:
        raise CertificateError(
            "certificate_unreadable", f"{error.filename}: {error.strerror}."
        ) from None
    return parse(chain, key, now, chain_file.name, key_file.name)


def parse(
    chain: bytes, key: bytes, now: datetime, chain_name: str = "it", key_name: str = "its key"
) -> Certificate:
    """Check a chain and a key in PEM; the names are what a person calls the two.

    Raises: CertificateError.
    """
    certificate = Certificate(_chain(chain, chain_name))
    if certificate.leaf.public_key() != _public_key(key, key_name):
        raise CertificateError(
            "certificate_key_mismatch",
            f"The key in {key_name} does not belong to the certificate in {chain_name}. Take the "
            "two that were made together; the server's own certificate comes first in its file.",
        )
    if now < certificate.begins:
        raise CertificateError(
            "certificate_not_yet",
            f"The certificate in {chain_name} is valid from {certificate.begins:%Y-%m-%d %H:%M} "
            "UTC on. Is this machine's clock right?",
        )
    if now >= certificate.ends:
        raise CertificateError(
            "certificate_expired",
            f"The certificate in {chain_name} ended on {certificate.ends:%Y-%m-%d %H:%M} UTC. "
            "Get a new one.",
        )
    for signed, signer in zip(certificate.chain, certificate.chain[1:], strict=False):
        if not _signs(signer, signed):
            raise CertificateError(
                "certificate_chain",
                f"The certificates in {chain_name} do not sign each other in their order. Put the "
                "server's own first, then the one that signed it, and so on.",
            )
    return certificate


def _chain(pem: bytes, name: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise CertificateError(
            "certificate_unreadable",
            f"There is no certificate in {name} that moim can read; it must be PEM, which begins "
            "with -----BEGIN CERTIFICATE-----.",
        ) from None


def _public_key(pem: bytes, name: str) -> object:
    try:
        return serialization.load_pem_private_key(pem, password=None).public_key()
    except (TypeError, ValueError):
        raise CertificateError(
            "certificate_unreadable",
            f"There is no key in {name} that moim can read; it must be PEM, without a password.",
        ) from None


def _signs(signer: x509.Certificate, signed: x509.Certificate) -> bool:
    try:
        signed.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


@cache
def mozilla_roots() -> tuple[x509.Certificate, ...]:
    """Read the CAs that Mozilla's browsers trust, as the package certifi carries them."""
    import certifi

    found = _PEM.findall(Path(certifi.where()).read_bytes())
    roots: list[x509.Certificate] = []
    with warnings.catch_warnings():
        # Some old CAs have a serial number of zero; nobody gets a new certificate from those.
        warnings.simplefilter("error")
        for pem in found:
            with suppress(ValueError, UserWarning):
                roots.append(x509.load_pem_x509_certificate(pem))
    return tuple(roots)


def missing_names(certificate: Certificate, wanted: Iterable[str]) -> list[str]:
    """List which of the wanted names a certificate is not for."""
    return [name for name in wanted if not certificate.covers(name)]
