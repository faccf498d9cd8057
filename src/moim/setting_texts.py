"""How settings are said: in the documentation's table, and in a terminal."""

import re

from pydantic import SecretStr

from moim.settings import Settings, variable_of


def settings_table() -> str:
    """Render the documentation's table of settings, so that it cannot drift from the model."""
    rows = ["| variable | default | what it is for |", "| --- | --- | --- |"]
    for field, info in Settings.model_fields.items():
        rows.append(f"| `{variable_of(field)}` | {default_text(field)} | {info.description} |")
    return "\n".join(rows) + "\n"


def default_text(field: str) -> str:
    """Say the default of a field in words that hold on every machine."""
    info = Settings.model_fields[field]
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return str(extra["default_text"])
    match info.default:
        case None | () | "":
            return "none"
        case True | False as switch:
            return "`on`" if switch else "`off`"
        case tuple() as names:
            return f"`{', '.join(names)}`"
        case value:
            return f"`{value}`"


def shown_value(settings: Settings, field: str) -> str:
    """Say the value of a field for a terminal, without secrets and without a password."""
    match getattr(settings, field):
        case SecretStr():
            return "(kept secret)"
        case None | () | "":
            return "none"
        case True | False as switch:
            return "on" if switch else "off"
        case tuple() as names:
            return ", ".join(names)
        case value:
            return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(value))
