"""Looking again and again, whatever fails meanwhile."""

import itertools
from collections.abc import Awaitable, Callable

import structlog

from moim.meeting.errors import Unavailable
from moim.storage.database import Conflict

_log = structlog.get_logger("moim.live")


async def look_again_and_again(
    look: Callable[[int], Awaitable[None]],
    pause: Callable[[], Awaitable[None]],
    *,
    away: str,
    broke: str,
) -> None:
    """Look for ever, with a pause after each time; `look` gets how many came before it.

    `away` and `broke` are what the log says: that the database is away once, what nobody thought
    of each time.
    """
    is_away = False
    for number in itertools.count():
        try:
            await look(number)
            is_away = False
        except Conflict:
            pass  # another server wrote at this moment: look again
        except Unavailable as error:
            if not is_away:
                _log.warning(away, cause=str(error))
            is_away = True
        except Exception:
            # the supervisor of its task: what it looks after would be forgotten without it
            _log.exception(broke)
        await pause()
