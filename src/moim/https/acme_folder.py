"""What is kept of a certificate authority: the account, the certificate and its key, failures.

`<data>/acme/<authority>/`: `account.json` (the account's key and address), `certificate.pem` (key
first, then the chain), `attempts.json`. Each is written in one step and readable by its owner only.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from moim import platform
from moim.https import certificate
from moim.https.certificate import Certificate, CertificateError
from moim.https.schedule import Attempts

ACCOUNT_FILE: Final = "account.json"
CERTIFICATE_FILE: Final = "certificate.pem"
ATTEMPTS_FILE: Final = "attempts.json"


def asked_for(names: Sequence[str], email: str | None) -> str:
    """Say in one line what an authority is asked for, and by whom."""
    return " ".join((*names, email or ""))


@dataclass(frozen=True)
class Account:
    """The account at an authority: its key as JWK, and its address once it is registered."""

    key: dict[str, str]
    uri: str | None = None


@dataclass(frozen=True)
class AcmeFolder:
    """The folder of one authority; accounts of different ones never mix."""

    path: Path

    @classmethod
    def of(cls, data_dir: Path, directory_url: str) -> "AcmeFolder":
        """Find the folder of an authority by the address of its directory."""
        host = (urlsplit(directory_url).hostname or "authority").replace(":", "-")
        mark = hashlib.sha256(directory_url.encode()).hexdigest()[:8]
        return cls(data_dir / "acme" / f"{host}-{mark}")

    @property
    def certificate_file(self) -> Path:
        """Where the certificate and its key are."""
        return self.path / CERTIFICATE_FILE

    def certificate(self, now: datetime) -> Certificate | None:
        """Read the certificate; None when there is none that can be served now."""
        try:
            return certificate.read(self.certificate_file, self.certificate_file, now)
        except CertificateError:
            return None

    def keep_certificate(self, key: bytes, chain: bytes) -> None:
        """Replace the certificate and its key in one step."""
        platform.write_private_file(self.certificate_file, key.rstrip() + b"\n" + chain)

    def account(self) -> Account | None:
        """Read the account; None when there is none that can be read: then a new one is made."""
        match self._json(ACCOUNT_FILE):
            case {"key": dict() as key, "uri": str() | None as uri}:
                return Account({str(name): str(part) for name, part in key.items()}, uri)
            case _:
                return None

    def keep_account(self, account: Account) -> None:
        """Write the account."""
        self._write(ACCOUNT_FILE, {"key": account.key, "uri": account.uri})

    def attempts(self, asked: str) -> Attempts:
        """Read what failed of what is asked for; a restart must not make moim ask more often.

        Other names, or another account, start anew: whoever corrects a typing error need not wait.
        """
        match self._json(ATTEMPTS_FILE):
            case {
                "asked": str() as earlier,
                "failures": int() as failures,
                "code": str() as code,
                "next_at_s": int() as at,
            } if earlier == asked:
                return Attempts(failures, code, datetime.fromtimestamp(at, UTC))
            case _:
                return Attempts()

    def keep_attempts(self, attempts: Attempts, asked: str) -> None:
        """Write what failed; nothing is left of it after a success."""
        if attempts.next_at is None:
            (self.path / ATTEMPTS_FILE).unlink(missing_ok=True)
            return
        at = int(attempts.next_at.timestamp())
        kept = {"failures": attempts.failures, "code": attempts.code, "next_at_s": at}
        self._write(ATTEMPTS_FILE, {"asked": asked, **kept})

    def _json(self, name: str) -> object:
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return None

    def _write(self, name: str, content: object) -> None:
        platform.write_private_file(self.path / name, json.dumps(content, indent=1).encode())
