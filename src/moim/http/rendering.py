"""Turns a template and a reader into a page in the reader's language."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from moim.http.assets import Assets, Bundle
from moim.http.language import switch_href, text_for
from moim.http.links import Links
from moim.http.own_files import ICON, LOADING, SUPPORT, TOUCH_ICON, OwnFiles
from moim.http.text import TEXTS

TEMPLATES = Path(__file__).parent / "templates"
STYLE_ENTRY = "src/pages/pages.css"
SCRIPT_ENTRY = "src/pages/pages.ts"
APP_ENTRY = "src/main.ts"


@dataclass(frozen=True, slots=True)
class Files:
    """Addresses of what the pages load, for one reader."""

    links: Links
    assets: Assets
    own: OwnFiles

    def bundle(self, entry: str) -> Bundle:
        """The built files of an entry, as addresses."""
        found = self.assets.bundle(entry)

        def here(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(self.links.to(f"/static/app/{name}") for name in names)

        return Bundle(here(found.scripts), here(found.preloads), here(found.styles))

    @property
    def icon(self) -> str:
        """The persimmon."""
        return self.links.to(self.own.path(ICON))

    @property
    def touch_icon(self) -> str:
        """The persimmon for home screens."""
        return self.links.to(self.own.path(TOUCH_ICON))

    @property
    def support(self) -> str:
        """The script that sends old browsers away."""
        return self.links.to(self.own.path(SUPPORT))

    @property
    def loading(self) -> str:
        """The script that says so when the program does not come."""
        return self.links.to(self.own.path(LOADING))


@cache
def _compiled(*, dev: bool) -> Environment:
    """The templates, compiled once a process: they are the package's own, the same for each app.

    One that does not parse stops the start.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=dev,
    )
    for name in templates.list_templates():
        templates.get_template(name)
    return templates


class Pages:
    """The templates. An undefined name in one is an error, and everything is escaped."""

    def __init__(self, assets: Assets, own: OwnFiles, public_url: str | None, *, dev: bool) -> None:
        self._assets = assets
        self._own = own
        self._public_url = public_url
        self._templates = _compiled(dev=dev)

    def links(self, request: Request) -> Links:
        """The addresses for this reader."""
        return Links.of(request, self._public_url)

    def render(
        self, request: Request, template: str, status: int = 200, **context: object
    ) -> HTMLResponse:
        """One page. Nobody but its reader may keep it, for it holds their language and token."""
        text = text_for(request)
        links = self.links(request)
        content = self._templates.get_template(template).render(
            text=text,
            links=links,
            files=Files(links, self._assets, self._own),
            style_entry=STYLE_ENTRY,
            script_entry=SCRIPT_ENTRY,
            app_entry=APP_ENTRY,
            built=self._assets.built,
            languages=[
                (one.locale, one, switch_href(request, one.locale, links.home))
                for one in (TEXTS["ko"], TEXTS["en"])
            ],
            **context,
        )
        headers = {
            "cache-control": "private, no-cache",
            "content-language": text.locale,
            "vary": "accept-language, cookie",
        }
        return HTMLResponse(content, status, headers)
