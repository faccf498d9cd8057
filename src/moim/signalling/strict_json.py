"""JSON that every browser can read again: what comes in here is relayed to others as it is.

Python's parser takes more than JSON has (NaN, numbers that become infinite, half surrogate pairs);
any of it, passed on, would end the connection of whoever receives it.

Source: RFC 8259, sections 6 (numbers) and 8.2 (surrogates).
"""

import json
import math
from collections.abc import Iterable
from typing import Any


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number out of range")
    return value


def loads(text: str) -> Any:
    """Raises: ValueError for what is not JSON, nested too deeply, or not valid Unicode."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def dumps(value: object, **_options: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def depth_within(value: object, most: int) -> bool:
    """Whether lists and objects are nested at most so deep."""
    level: list[object] = [value]
    for _ in range(most):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return True
    return not any(isinstance(one, dict | list | tuple) for one in level)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
