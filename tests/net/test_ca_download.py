"""The download of the local CA: what devices need to offer its installation."""

from pathlib import Path

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from moim.http.ca import CA_PATH, router


async def test_the_certificate_is_offered_for_installation_once_there_is_one(
    tmp_path: Path,
) -> None:
    certificate = tmp_path / "moim-ca.crt"
    app = FastAPI()
    app.include_router(router(certificate))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://moim") as browser:
        assert (await browser.get(CA_PATH)).status_code == 404
        certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
        answer = await browser.get(CA_PATH)
    assert answer.status_code == 200
    assert answer.content == b"-----BEGIN CERTIFICATE-----\n"
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert 'filename="moim-ca.crt"' in answer.headers["content-disposition"]
