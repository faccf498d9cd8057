"""What `moim doctor` looks at, one module for each side of it."""

from moim.doctor import bandwidth, https, machine, relay, router, sfu, tunnel
from moim.doctor.finding import BAD, NOTE, OK, Finding, Level
from moim.settings import Settings

__all__ = ["BAD", "NOTE", "OK", "Finding", "Level", "examine"]


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, in the order in which a start would need it."""
    found = [finding async for finding in machine.examine(settings)]
    found += [finding async for finding in https.examine(settings)]
    found += [finding async for finding in router.examine(settings)]
    found += [finding async for finding in relay.examine(settings)]
    found += [finding async for finding in sfu.examine(settings)]
    found += bandwidth.examine(settings)
    return [*found, *[finding async for finding in tunnel.examine(settings)]]
