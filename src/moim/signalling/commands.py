"""What can be asked by name, and how a request becomes one of those values.

Every registered command, passing event and query is known here by its name alone: a new feature
needs nothing in a door.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from moim.meeting.errors import ErrorCode, MoimError, ProtocolViolation, Refused
from moim.meeting.feature import Command
from moim.meeting.ids import CommandId, SomeCommandId
from moim.meeting.passing import PASSING, Passing
from moim.meeting.queries import QUERIES, Query
from moim.meeting.rules import COMMANDS
from moim.signalling.strict_json import depth_within

Request = Command | Passing | Query
MOST_DEEP = 16

REQUESTS: MappingProxyType[str, type[Request]] = MappingProxyType(
    {
        **{name: kind for name, kind in COMMANDS.items() if not kind.internal},
        **{kind.name_on_wire: kind for kind in PASSING},
        **{kind.name_on_wire: kind for kind in QUERIES},
    }
)
"""Everything that a connection may ask, by its name on the wire."""

_COMMAND_ID: TypeAdapter[CommandId] = TypeAdapter(SomeCommandId)
_CODES = {code.value: code for code in ErrorCode}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is well-formed. Only commands need their id."""

    request: Request
    command_id: CommandId | None


def kind_of(name: object) -> type[Request]:
    """Raises: `command_unknown`."""
    found = REQUESTS.get(name) if isinstance(name, str) else None
    if found is None:
        raise ProtocolViolation(ErrorCode.COMMAND_UNKNOWN)
    return found


def parse(name: object, command_id: object, fields: object) -> Asked:
    """Raises: `command_unknown`, `command_malformed`, `name_invalid`, `text_too_long`."""
    kind = kind_of(name)
    if not isinstance(fields, dict) or not depth_within(fields, MOST_DEEP):
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "fields: one object, not too deep")
    try:
        checked = None
        if command_id is not None or issubclass(kind, Command):
            checked = _COMMAND_ID.validate_python(command_id)
        return Asked(kind.model_validate(fields), checked)
    except ValidationError as error:
        raise _explained(error) from None


def _explained(error: ValidationError) -> MoimError:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    code = _CODES.get(problem["type"])
    if code is not None:
        return Refused(code, problem["msg"])
    where = ".".join(str(part) for part in problem["loc"]) or "id"
    return ProtocolViolation(ErrorCode.COMMAND_MALFORMED, f"{where}: {problem['msg']}")


def refusal(error: MoimError) -> dict[str, Any]:
    """A refusal as every door sends it."""
    return {"code": error.code.value, "message": str(error)}
