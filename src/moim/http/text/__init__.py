"""What the server-rendered pages say: one typed catalogue, a file for each language."""

from moim.http.text.catalogue import ErrorText, Locale, Text
from moim.http.text.en import ENGLISH
from moim.http.text.ko import KOREAN

TEXTS: dict[Locale, Text] = {"en": ENGLISH, "ko": KOREAN}

__all__ = ["TEXTS", "ErrorText", "Locale", "Text"]
