"""A certificate authority, spoken to in ACME: the one module that knows the packages for it.

They are synchronous, so that each single request runs in a thread; the waiting in between is done
here and ends at once when the server stops.

Source: RFC 8555 (ACME), section 8.3 (http-01), section 6.5 (nonces: a refused one is asked again);
RFC 9773 (ARI).
"""

import asyncio
import threading
import time
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import requests
import structlog
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import jwa, jwk
from josepy.errors import DeserializationError
from josepy.util import ComparableECKey

from moim.https.acme_folder import Account, AcmeFolder
from moim.https.refusals import NotIssued, refused

NONCE_TRIES: Final = 12
REQUEST_PATIENCE_S: Final = 20
CHECK_PATIENCE_S: Final = 120
POLL_EVERY_S: Final = 1.0
USER_AGENT: Final = "moim"
# What the package raises for JSON of another shape than it reads.
SHAPELESS: Final = (DeserializationError, AttributeError, KeyError, TypeError, ValueError)

Challenges = MutableMapping[str, str]
"""Token to key authorization: what port 80 answers while an authority checks."""

Progress = Callable[[str], None]
T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Network(client.ClientNetwork):
    """Requests of one account; a nonce that is refused is asked for again, and not only once."""

    retry_at: datetime | None = None

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(NONCE_TRIES):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
                last = error
        raise last

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        response = super()._send_request(method, url, *args, **kwargs)
        if not response.ok:
            self.retry_at = retry_at(response.headers.get("Retry-After", ""), datetime.now(UTC))
        return response


def retry_at(header: str, now: datetime) -> datetime | None:
    """Read `Retry-After`: seconds or a date; None for anything else (RFC 9110 section 10.2.3)."""
    if header.isdecimal():
        return now + timedelta(seconds=int(header))
    return _date(header)


def _date(header: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110 section 5.6.7)."""
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


class Authority:
    """One certificate authority and our account there. It is first spoken to in `issue`."""

    def __init__(
        self, directory_url: str, folder: AcmeFolder, *, email: str | None, ca_file: Path | None
    ) -> None:
        self._url = directory_url
        self._folder = folder
        self.email = email
        self._ca_file = ca_file
        self._client: client.ClientV2 | None = None

    async def terms(self) -> str | None:
        """Give the address of the authority's terms, where it has some.

        Raises: NotIssued (`acme_unreachable`).
        """
        network = self._network(None)
        directory = await self._asked(client.ClientV2.get_directory, self._url, network)
        return getattr(directory.meta, "terms_of_service", None)

    async def clock_ahead(self, now: datetime) -> timedelta | None:
        """Say how far the authority's clock is ahead of ours; None when it tells no time.

        Raises: NotIssued (`acme_unreachable`).
        """
        answer = await self._asked(self._network(None).get, self._url)
        theirs = _date(answer.headers.get("Date", ""))
        return None if theirs is None else theirs - now

    async def issue(
        self, names: Sequence[str], answers: Challenges, progress: Progress
    ) -> tuple[bytes, bytes]:
        """Get a certificate; gives its new key and its chain, both PEM.

        Whoever calls this has agreed to the authority's terms. `answers` is what port 80 serves.
        Raises: NotIssued.
        """
        self._client = None  # its directory may be months old
        acme = await self._registered()
        key = _new_key()
        request = crypto_util.make_csr(key, list(names))
        order = await self._asked(acme.new_order, request, name=names[0])
        given: list[str] = []
        try:
            for authorization in order.authorizations:
                given += await self._answer(acme, authorization, answers)
            if given:
                progress(f"It looks at http://{names[0]}/ to see that the name leads here.")
            await self._checked(acme, order)
        finally:
            for token in given:
                answers.pop(token, None)
        return key, await self._finished(acme, order, names[0])

    async def renewal_time(self, leaf: x509.Certificate) -> tuple[datetime | None, datetime]:
        """Ask when a certificate should be renewed, and when to ask that again.

        The first is a moment drawn from the authority's window, None where it has no such service.
        Raises: NotIssued.
        """
        acme = await self._connected()
        pem = leaf.public_bytes(serialization.Encoding.PEM)
        try:
            at, again = await self._asked(acme.renewal_time, pem)
        except errors.ARIError as error:
            raise NotIssued("acme_unreachable", str(error)) from None
        return at, again.astimezone(UTC)

    def _network(self, account: Account | None) -> _Network:
        key = None if account is None else jwk.JWKEC.from_json(account.key)
        network = _Network(key, alg=jwa.ES256, user_agent=USER_AGENT, timeout=REQUEST_PATIENCE_S)
        if self._ca_file is not None:
            network.verify_ssl = str(self._ca_file)  # type: ignore[assignment]
        return network

    async def _connected(self) -> client.ClientV2:
        if self._client is None:
            account = self._folder.account() or _new_account()
            network = self._network(account)
            directory = await self._asked(client.ClientV2.get_directory, self._url, network)
            self._folder.keep_account(account)
            self._client = client.ClientV2(directory, network)
        return self._client

    async def _registered(self) -> client.ClientV2:
        """Log in, or make the account; the authority gives the same one for the same key."""
        acme = await self._connected()
        account = self._folder.account() or _new_account()
        if account.uri is None:
            acme.net.account = None
            made = messages.NewRegistration.from_data(
                email=self.email, terms_of_service_agreed=True
            )
            try:
                uri = (await self._asked(acme.new_account, made)).uri
            except errors.ConflictError as known:
                uri = known.location
            self._folder.keep_account(Account(account.key, uri))
        else:
            uri = account.uri
        acme.net.account = messages.RegistrationResource(body=messages.Registration(), uri=uri)
        return acme

    async def _answer(
        self, acme: client.ClientV2, authorization: Any, answers: Challenges
    ) -> list[str]:
        if authorization.body.status == messages.STATUS_VALID:
            return []  # the authority remembers an earlier check
        name = authorization.body.identifier.value
        for challenge in authorization.body.challenges:
            if isinstance(challenge.chall, challenges.HTTP01):
                response, validation = challenge.response_and_validation(acme.net.key)
                token = challenge.chall.encode("token")
                answers[token] = validation
                await self._asked(acme.answer_challenge, challenge, response, name=name)
                return [token]
        raise NotIssued(
            "acme_failed",
            f"The certificate authority does not offer to check {name} over HTTP, the one way that "
            "moim knows.",
        )

    async def _checked(self, acme: client.ClientV2, order: Any) -> None:
        """Wait until every name has been looked at."""
        deadline = time.monotonic() + CHECK_PATIENCE_S
        for authorization in order.authorizations:
            name = authorization.body.identifier.value
            now = authorization
            while now.body.status in (messages.STATUS_PENDING, messages.STATUS_PROCESSING):
                if time.monotonic() > deadline:
                    raise NotIssued(
                        "acme_failed", f"The certificate authority did not finish checking {name}."
                    )
                await asyncio.sleep(POLL_EVERY_S)
                now, _ = await self._asked(acme.poll, now, name=name)
            if now.body.status != messages.STATUS_VALID:
                raise _of_check(name, now)

    async def _finished(self, acme: client.ClientV2, order: Any, name: str) -> bytes:
        deadline = time.monotonic() + CHECK_PATIENCE_S
        order = await self._asked(acme.begin_finalization, order, name=name)
        while time.monotonic() < deadline:
            # A deadline a moment away: one look, and the waiting is done here.
            soon = datetime.now() + timedelta(seconds=POLL_EVERY_S + 0.5)  # noqa: DTZ005 - acme's clock
            try:
                done = await self._asked(acme.poll_finalization, order, soon, name=name)
            except errors.TimeoutError:
                continue
            return str(done.fullchain_pem).encode()
        raise NotIssued("acme_failed", f"The certificate authority did not finish with {name}.")

    async def _asked(self, ask: Callable[..., T], *args: Any, name: str = "") -> T:
        """Do one request in a thread, and say in our words why it failed."""
        try:
            return await _in_thread(ask, *args)
        except requests.RequestException as error:
            raise NotIssued(
                "acme_unreachable",
                f"The certificate authority at {self._url} cannot be reached. Is this machine on "
                "the internet, and is the address right?",
                detail=str(error),
            ) from None
        except messages.Error as error:
            self._forget_a_lost_account(error)
            network = getattr(self._client, "net", None)
            raise refused(
                _types(error), name, _words(error), getattr(network, "retry_at", None)
            ) from None
        except errors.IssuanceError as error:
            raise refused(_types(error.error), name, _words(error.error)) from None
        except (errors.ConflictError, errors.TimeoutError, errors.ARIError):
            raise
        except (errors.Error, *SHAPELESS) as error:
            raise NotIssued(
                "acme_failed",
                f"The answer of the certificate authority at {self._url} makes no sense. Is that "
                "the address of an ACME directory?",
                detail=str(error),
            ) from None

    def _forget_a_lost_account(self, error: messages.Error) -> None:
        """An authority that lost our account gives a new one at the next try."""
        account = self._folder.account()
        if error.code == "accountDoesNotExist" and account is not None:
            self._folder.keep_account(Account(account.key))


async def _in_thread(ask: Callable[..., T], *args: Any) -> T:
    """Run a request in a thread that nobody waits for at a stop of the server."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, failure: BaseException | None) -> None:
        if done.cancelled():
            return
        if failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(cast(T, result))

    def work() -> None:
        result, failure = None, None
        try:
            result = ask(*args)
        except Exception as error:  # it is raised again where somebody waits for it
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, name="acme", daemon=True).start()
    return await done


def _of_check(name: str, authorization: Any) -> NotIssued:
    failed = [one.error for one in authorization.body.challenges if one.error is not None]
    types = [kind for one in failed for kind in _types(one)]
    return refused(types, name, " ".join(map(_words, failed)))


def _types(error: messages.Error) -> list[str]:
    """The types of a problem and of those inside it, without their prefix."""
    nested = [kind for one in error.subproblems or () for kind in _types(one)]
    return [(error.typ or "").removeprefix(messages.ERROR_PREFIX), *nested]


def _words(error: messages.Error) -> str:
    return error.detail or error.typ or "nothing"


def _new_account() -> Account:
    key = jwk.JWKEC(key=ComparableECKey(ec.generate_private_key(ec.SECP256R1())))
    return Account({str(name): str(part) for name, part in key.to_json().items()})


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
