"""A browser without JavaScript: it reads pages strictly and sends the forms it finds in them."""

from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

import html5lib
import httpx


def parse(html: str) -> Element:
    """The page as a tree; anything that is not valid HTML raises."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(html)
    assert isinstance(tree, Element)
    return tree


def said(element: Element) -> str:
    """The words in an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())


@dataclass
class Form:
    """A form as the page has it, to be filled in and sent."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


def forms(html: str, url: str) -> list[Form]:
    """Every form of a page, with the values it comes with."""
    found = []
    for element in parse(html).iter("form"):
        form = Form(urljoin(url, element.get("action") or url), element.get("method", "get"))
        for entry in element.iter("input"):
            name = entry.get("name")
            radio = entry.get("type") == "radio"
            if name and (not radio or entry.get("checked") is not None):
                form.fields[name] = entry.get("value", "")
        found.append(form)
    return found


async def send(
    client: httpx.AsyncClient, page: httpx.Response, number: int = 0, **filled: str
) -> httpx.Response:
    """Fill in one form of a page and press its button, as a browser on that page would."""
    form = forms(page.text, str(page.url))[number]
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    hidden = page.headers.get("referrer-policy") == "no-referrer"
    return await client.request(
        form.method.upper(),
        form.action,
        data={**form.fields, **filled},
        headers={"origin": "null" if hidden else origin},
    )
