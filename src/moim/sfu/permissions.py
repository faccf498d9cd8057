"""What a participant may do now: from the token at first, changed by the server's API later."""

from typing import Final

from livekit.protocol.models import ParticipantPermission, TrackSource

from moim.sfu.tokens import VideoGrant

_SOURCES: Final = {
    "camera": TrackSource.CAMERA,
    "microphone": TrackSource.MICROPHONE,
    "screen_share": TrackSource.SCREEN_SHARE,
    "screen_share_audio": TrackSource.SCREEN_SHARE_AUDIO,
}
_SOURCE_NAMES: Final = {number: name for name, number in _SOURCES.items()}


def permission_of(grant: VideoGrant) -> ParticipantPermission:
    """Resolve what a grant leaves out."""
    can_publish = grant.can_publish is not False
    return ParticipantPermission(
        can_subscribe=grant.can_subscribe is not False,
        can_publish=can_publish,
        can_publish_data=can_publish if grant.can_publish_data is None else grant.can_publish_data,
        can_publish_sources=[
            _SOURCES[name.lower()] for name in grant.can_publish_sources if name.lower() in _SOURCES
        ],
        hidden=grant.hidden,
        recorder=grant.recorder,
        can_update_metadata=bool(grant.can_update_own_metadata),
        agent=grant.agent,
        can_subscribe_metrics=bool(grant.can_subscribe_metrics),
        can_manage_agent_session=bool(grant.can_manage_agent_session),
    )


def grant_with(grant: VideoGrant, permission: ParticipantPermission) -> VideoGrant:
    """Give the grant of a refreshed token: nothing left out, so that no default can widen it."""
    return grant.model_copy(
        update={
            "can_publish": permission.can_publish,
            "can_subscribe": permission.can_subscribe,
            "can_publish_data": permission.can_publish_data,
            "can_publish_sources": tuple(
                _SOURCE_NAMES[source]
                for source in permission.can_publish_sources
                if source in _SOURCE_NAMES
            ),
            "can_update_own_metadata": permission.can_update_metadata,
            "can_subscribe_metrics": permission.can_subscribe_metrics,
            "can_manage_agent_session": permission.can_manage_agent_session,
            "hidden": permission.hidden,
            "recorder": permission.recorder,
            "agent": permission.agent,
        }
    )


def may_publish(permission: ParticipantPermission, source: TrackSource) -> bool:
    sources = permission.can_publish_sources
    return permission.can_publish and (not sources or source in sources)
