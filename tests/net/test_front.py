"""From settings to HTTPS: what goes together, which ports are taken, and what a refusal says."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from moim import front
from moim.addresses import own_url
from moim.front import Front, check_agreement, front_of, listen_for, open_plain_port, secure_origin
from moim.listening import ListenError, Listeners, listen
from moim.serve import _config
from moim.settings import Settings, SettingsError, load_settings
from tests.https.made import Signer, key_pem, pem
from tests.https.pebble import free_port

NAME = "meet.example.org"


def test_a_domain_brings_the_ports_of_the_web_and_listens_everywhere() -> None:
    settings = load_settings(domain=(NAME,))
    assert (settings.port, settings.http_port, settings.stun_port) == (443, 80, 443)
    assert front.host_to_listen_on(settings) == "0.0.0.0"
    chosen = load_settings(domain=(NAME,), port=8443, http_port=8080, host="127.0.0.1")
    assert (chosen.port, chosen.http_port) == (8443, 8080)
    assert front.host_to_listen_on(chosen) == "127.0.0.1"
    plain = load_settings()
    assert (plain.port, plain.http_port, plain.secure) == (3000, None, False)
    assert front.host_to_listen_on(plain) == "localhost"


def test_names_are_read_as_a_list_in_any_case() -> None:
    settings = load_settings(domain=("Meet.Example.ORG.", NAME, "xn--bcher-kva.example"))
    assert settings.domain == (NAME, "xn--bcher-kva.example")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"domain": ("localhost",)}, "MOIM_DOMAIN: 'localhost' is no name on the internet"),
        ({"domain": ("192.168.1.5",)}, "MOIM_DOMAIN: '192.168.1.5' is no name"),
        ({"domain": ("*.example.org",)}, "MOIM_DOMAIN: .*write meet.example.org"),
        ({"domain": ("https://a.example",)}, "MOIM_DOMAIN: "),
        ({"domain": ("회의.example",)}, "MOIM_DOMAIN: .*xn--"),
        ({"domain": (NAME,), "lan": True}, "MOIM_DOMAIN: MOIM_LAN .*choose one"),
        ({"domain": (NAME,), "cert": "a.pem"}, "MOIM_CERT: MOIM_DOMAIN is set, too; choose one"),
        ({"lan": True, "cert": "a.pem"}, "MOIM_CERT: MOIM_LAN is set, too; choose one"),
        ({"key": "a.pem"}, "MOIM_KEY: a key alone is of no use"),
        ({"acme_email": "me"}, "MOIM_ACME_EMAIL: write one address"),
        ({"acme_directory": "http://ca.example"}, "MOIM_ACME_DIRECTORY: write the https://"),
        ({"http_port": 80}, "MOIM_HTTP_PORT: it leads to HTTPS, and there is none"),
        ({"domain": (NAME,), "http_port": 443}, "MOIM_HTTP_PORT: it must be another one"),
        ({"hsts": "always"}, "MOIM_HSTS: write auto, off or a number"),
        ({"forwarded_header": "x"}, "MOIM_FORWARDED_HEADER: .*'forwarded'"),
    ],
)
def test_what_does_not_go_together_is_refused_with_its_name(
    given: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(**given)


def test_addresses_name_the_domain_and_hide_the_usual_port() -> None:
    assert own_url(load_settings(domain=(NAME,))) == f"https://{NAME}"
    assert own_url(load_settings(domain=(NAME,), port=8443)) == f"https://{NAME}:8443"
    assert own_url(load_settings(cert="a.pem")) == "https://localhost:3000"
    assert secure_origin("2001:db8::1", 443) == "https://[2001:db8::1]"


def test_both_ports_are_taken_or_none() -> None:
    settings = load_settings(
        domain=(NAME,), host="127.0.0.1", port=free_port(), http_port=free_port()
    )
    listeners = listen_for(settings)
    try:
        assert [one.getsockname()[1] for one in listeners.tcp] == [settings.port]
        assert [one.getsockname()[1] for one in listeners.plain] == [settings.http_port]
        busy = settings.model_copy(update={"port": free_port()})
        with pytest.raises(ListenError, match=r"perhaps a web server.*proxy\.md"):
            listen_for(busy)
        listen("127.0.0.1", busy.port).close()  # it was given back
    finally:
        listeners.close()


@pytest.mark.parametrize("port", ["port", "http_port"])
def test_a_port_that_is_forbidden_gets_a_sentence_that_helps(
    monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    settings = load_settings(
        domain=(NAME,), host="127.0.0.1", port=free_port(), http_port=free_port()
    )
    wanted = getattr(settings, port)

    def forbidding(host: str, number: int) -> Listeners:
        if number == wanted:
            raise ListenError("port_forbidden", "no")
        return listen(host, number)

    monkeypatch.setattr(front, "listen", forbidding)
    with pytest.raises(ListenError, match=f"port {wanted}.*CAP_NET_BIND_SERVICE") as refused:
        listen_for(settings)
    assert refused.value.code == "port_forbidden"


def test_terms_that_cannot_be_fetched_are_still_asked_for(tmp_path: Path) -> None:
    nowhere = f"https://localhost:{free_port()}/dir"
    settings = load_settings(data_dir=tmp_path, domain=(NAME,), acme_directory=nowhere)
    with pytest.raises(SettingsError, match=r"asks you to agree to its terms\. .*--agree-terms"):
        check_agreement(settings)
    check_agreement(settings.model_copy(update={"acme_agree": True}))
    check_agreement(load_settings(data_dir=tmp_path))


def test_ones_own_certificate_may_be_one_file_and_what_browsers_miss_is_said(
    tmp_path: Path,
) -> None:
    both = tmp_path / "both.pem"
    server = Signer.root().server(NAME, "*.example.org")
    both.write_bytes(key_pem(server.key) + pem(server.certificate))
    said: list[str] = []
    made = front_of(load_settings(data_dir=tmp_path, cert=both), said.append)
    assert made is not None
    assert made.names == (NAME,)
    assert not made.is_public()
    assert said == [line for line in said if "do not know who signed" in line]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("public_url", "leads_to"),
    [
        (None, f"https://{NAME}:{{port}}/a"),
        (f"https://{NAME}", f"https://{NAME}/a"),
        (f"https://{NAME}:444", f"https://{NAME}:444/a"),
    ],
)
async def test_plain_http_is_led_to_the_port_that_the_world_sees(
    public_url: str | None, leads_to: str
) -> None:
    settings = load_settings(
        domain=(NAME,),
        host="127.0.0.1",
        port=free_port(),
        http_port=free_port(),
        public_url=public_url,
    )
    listeners = listen_for(settings)
    try:
        (server,) = await open_plain_port(settings, listeners, a_front(lambda: True))
        async with httpx.AsyncClient(trust_env=False) as browser:
            address = f"http://127.0.0.1:{settings.http_port}/a"
            answer = await browser.get(address, headers={"host": NAME})
        assert answer.status_code == 308
        assert answer.headers["location"] == leads_to.format(port=settings.port)
        server.close()
        await server.wait_closed()
    finally:
        listeners.close()


def a_front(is_public: Callable[[], bool]) -> Front:
    return Front(
        context=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        keep=lambda: asyncio.sleep(0),
        is_public=is_public,
        names=(NAME,),
    )


@pytest.mark.parametrize(("setting", "age_s"), [("auto", 15_552_000), ("60", 60), ("off", None)])
async def test_https_is_promised_by_the_app_that_is_served_once_the_certificate_is_public(
    tmp_path: Path, setting: str, age_s: int | None
) -> None:
    async def hello(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    public = [False]
    made = a_front(lambda: public[0])
    settings = load_settings(data_dir=tmp_path, domain=(NAME,), hsts=setting)
    served: Any = _config(settings, hello, None, made).app
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{NAME}") as browser:
        for public[0] in (False, True):
            promised = (await browser.get("/")).headers.get("strict-transport-security")
            assert promised == (f"max-age={age_s}" if public[0] and age_s else None)


@pytest.mark.parametrize("settings", [{}, {"lan": True}])
def test_without_a_domain_or_a_certificate_there_is_no_front(
    tmp_path: Path, settings: dict[str, bool]
) -> None:
    read: Settings = load_settings(data_dir=tmp_path, **settings)
    assert front_of(read, lambda _: None) is None
