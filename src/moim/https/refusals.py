"""Why there is no certificate, in words that say what to fix.

    NotIssued
        acme_unreachable     this machine does not reach the authority
        acme_terms           its terms are not agreed to
        acme_account         it does not take the account (address, terms, external binding)
        acme_rate_limited    it was asked too often
        acme_dns             the name does not lead anywhere, or DNS is broken
        acme_port_closed     the name leads to a machine that does not answer on port 80
        acme_other_server    port 80 is answered, but not by this moim
        acme_caa             the domain's CAA record names another authority
        acme_name_refused    the authority does not sign for such a name
        acme_failed          everything else; the authority's own words are in the text

Source: RFC 8555 section 6.7 (the types of errors).
"""

from collections.abc import Iterable
from datetime import datetime

HTTP_PORT = 80


class NotIssued(Exception):
    """An authority gave no certificate. `not_before` is when it wants to be asked again, if known.

    `detail` is the authority's own text, which names addresses: for debug lines only.
    """

    def __init__(
        self, code: str, message: str, *, detail: str = "", not_before: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail
        self.not_before = not_before


def refused(
    types: Iterable[str], name: str, detail: str, not_before: datetime | None = None
) -> NotIssued:
    """Turn the type of an ACME problem (`dns`, `connection` …) into what a person can do.

    Of several types, the first that is known here is told.
    """
    for kind in types:
        if kind in _TOLD:
            code, words = _TOLD[kind]
            return NotIssued(code, words.format(name=name), detail=detail, not_before=not_before)
    return NotIssued(
        "acme_failed",
        f"The certificate authority gave no certificate for {name}. It says: {detail}",
        detail=detail,
        not_before=not_before,
    )


_DNS = (
    "acme_dns",
    "{name} does not lead to this machine: the certificate authority finds no usable address for "
    "it. Give {name} an A (or AAAA) record with this machine's public address.",
)
_CLOSED = (
    "acme_port_closed",
    "The certificate authority reaches nobody on port 80 of {name}. Let TCP port 80 through the "
    "firewall and the router to this machine, and see that the DNS record of {name} (A and AAAA) "
    "is this machine's address.",
)
_OTHER = (
    "acme_other_server",
    "Port 80 of {name} is answered by something else than this moim. See that the DNS record of "
    "{name} (A and AAAA) leads here, and that no other web server is in front.",
)
_ACCOUNT = (
    "acme_account",
    "The certificate authority does not take the account. Check MOIM_ACME_EMAIL, and whether this "
    "authority wants accounts to be made on its own page first.",
)
_NAME = (
    "acme_name_refused",
    "The certificate authority does not sign for {name}. It must be a public name of your own, "
    "such as meet.example.org.",
)
_TOLD: dict[str, tuple[str, str]] = {
    "rateLimited": (
        "acme_rate_limited",
        "The certificate authority was asked too often for {name} and wants a pause. Leave moim "
        "running: it asks again by itself.",
    ),
    "dns": _DNS,
    "dnssec": _DNS,
    "unknownHost": _DNS,
    "connection": _CLOSED,
    "unauthorized": _OTHER,
    "incorrectResponse": _OTHER,
    "tls": _OTHER,
    "caa": (
        "acme_caa",
        "The CAA record of {name} (or of a domain above it) lets only another certificate "
        "authority sign. Add this one to the record, or take it away.",
    ),
    "rejectedIdentifier": _NAME,
    "unsupportedIdentifier": _NAME,
    "invalidContact": _ACCOUNT,
    "invalidEmail": _ACCOUNT,
    "unsupportedContact": _ACCOUNT,
    "externalAccountRequired": _ACCOUNT,
    "userActionRequired": _ACCOUNT,
}
