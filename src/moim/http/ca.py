"""The certificate of the local CA, for devices that want to trust it."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

CA_PATH = "/moim-ca.crt"
# iOS and Android offer to install a file of this type; as text/plain they would show it.
CA_MEDIA_TYPE = "application/x-x509-ca-cert"


def router(certificate: Path) -> APIRouter:
    """Serve one certificate; 404 while there is none, since it is made by the first `--lan`."""
    routes = APIRouter()

    @routes.get(CA_PATH, include_in_schema=False)
    def download() -> FileResponse:
        if not certificate.is_file():
            raise HTTPException(404)
        return FileResponse(certificate, media_type=CA_MEDIA_TYPE, filename=certificate.name)

    return routes
