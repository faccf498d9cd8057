"""From settings to the bounds that the doors keep to."""

from moim.settings import Settings
from moim.signalling import apps, socketio
from moim.signalling.door import DoorLimits
from moim.signalling.engine import EngineLimits
from moim.signalling.queues import QueueBounds
from moim.signalling.rates import Rate


def door_limits(settings: Settings) -> DoorLimits:
    """Of those who ask for something of a room."""
    return DoorLimits(
        commands=Rate(settings.commands_per_s, settings.commands_burst),
        passing=Rate(settings.passing_per_s, settings.passing_burst),
        address_commands=Rate(settings.address_commands_per_s, settings.address_commands_burst),
        connections_per_address=settings.connections_per_address,
        connections_per_participant=settings.connections_per_participant,
        command_bytes=settings.command_max_bytes,
        queue=_queue_bounds(settings),
    )


def engine_limits(settings: Settings) -> EngineLimits:
    """Of the transports of Socket.IO."""
    return EngineLimits(
        {
            socketio.NAMESPACE: settings.command_max_bytes,
            apps.NAMESPACE: settings.app_event_max_bytes,
        },
        settings.connections_per_address,
        most_parts=settings.app_event_max_parts,
        queue=_queue_bounds(settings),
        post_s=settings.poll_timeout_s,
    )


def _queue_bounds(settings: Settings) -> QueueBounds:
    return QueueBounds(settings.queue_max_messages, settings.queue_max_bytes)


def app_limits(settings: Settings) -> apps.AppLimits:
    """Of what mini-apps say to each other."""
    return apps.AppLimits(
        rate=Rate(settings.app_events_per_s, settings.app_events_burst),
        event_bytes=settings.app_event_max_bytes,
        depth=settings.app_event_max_depth,
        connections_per_address=settings.connections_per_address,
    )
