"""Who gets which track: wishes, permissions and limits in, subscriptions out.

A subscription exists exactly when all of this holds, and each change asks the question again:

    the track is visible · the subscriber takes tracks, is not the publisher, and may subscribe
    · it wants the track (said so, or subscribes to all and did not say no)
    · the publisher allows it · the subscriber's limit of that kind is not reached
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from livekit.protocol.models import SubscriptionError, VideoQuality
from livekit.protocol.rtc import (
    SignalResponse,
    SubscriptionPermission,
    SubscriptionPermissionUpdate,
    SubscriptionResponse,
    TrackSubscribed,
    UpdateSubscription,
    UpdateTrackSettings,
)

from moim.sfu.dynacast import Dynacast
from moim.sfu.participant import Participant
from moim.sfu.tracks import PublishedTrack, Settings, Subscription
from moim.sfu.world import World

if TYPE_CHECKING:
    from moim.sfu.room import Room

NOT_FOUND_AFTER_S: Final = 10
MOST_WISHES: Final = 10_000
LONGEST_SID: Final = 64
LARGEST_PERMISSION_BYTES: Final = 256 * 1024


class Switchboard:
    """The subscriptions of one room."""

    def __init__(self, world: World, room: "Room") -> None:
        self._world = world
        self._room = room
        self.dynacast: Final = Dynacast(world)

    def wish(self, participant: Participant, request: UpdateSubscription) -> None:
        """Take a participant's wish, which may name tracks that are not there yet."""
        named = [*request.track_sids]
        for group in request.participant_tracks:
            named += group.track_sids
        for sid in _sids(named):
            self._note_wish(participant, sid, subscribe=request.subscribe)
        self.reconcile(participant)

    def settings(self, participant: Participant, request: UpdateTrackSettings) -> None:
        """Take how a participant wants to see tracks."""
        settings = Settings(
            disabled=request.disabled,
            quality=request.quality,
            width=request.width,
            height=request.height,
            fps=request.fps,
        )
        for sid in _sids(request.track_sids):
            if sid not in participant.settings and len(participant.settings) >= MOST_WISHES:
                return
            participant.settings[sid] = settings
            subscription = participant.subscriptions.get(sid)
            if subscription is not None and subscription.settings != settings:
                subscription.settings = settings
                self._apply(subscription)
                self.dynacast.look_at(subscription.track)

    def permit(self, publisher: Participant, permission: SubscriptionPermission) -> None:
        """Take whom a publisher lets see its tracks, and tell those for whom that changes."""
        if permission.ByteSize() > LARGEST_PERMISSION_BYTES:
            return
        tracks = [track for track in publisher.tracks.values() if track.visible]
        others = [other for other in self._room.active() if other is not publisher]
        before = {
            (other.sid, track.sid): self._allowed(other, track)
            for other in others
            for track in tracks
        }
        publisher.allows = permission
        for other in others:
            for track in tracks:
                allowed = self._allowed(other, track)
                if allowed != before[other.sid, track.sid]:
                    other.send(
                        SignalResponse(
                            subscription_permission_update=SubscriptionPermissionUpdate(
                                participant_sid=publisher.sid, track_sid=track.sid, allowed=allowed
                            )
                        )
                    )
            self.reconcile(other)

    def reconcile(self, participant: Participant) -> None:
        """Make the subscriptions of a participant what they should be."""
        for subscription in list(participant.subscriptions.values()):
            if not self._wanted(participant, subscription.track):
                self.end(subscription)
        for track in self._room.visible_tracks():
            self._begin_if_wanted(participant, track)

    def track_added(self, track: PublishedTrack) -> None:
        """Bring a new track to all who want it."""
        for participant in list(self._room.participants.values()):
            self._begin_if_wanted(participant, track)
        self.dynacast.look_at(track)

    def track_removed(self, track: PublishedTrack) -> None:
        """End all subscriptions of a track that is going."""
        for subscription in list(track.subscriptions.values()):
            self.end(subscription)
        self.dynacast.forget(track)

    def end(self, subscription: Subscription) -> None:
        """End one subscription; does nothing for one that has ended."""
        participant, track = subscription.subscriber, subscription.track
        if participant.subscriptions.get(track.sid) is not subscription:
            return
        del participant.subscriptions[track.sid]
        del track.subscriptions[participant]
        if participant.downlink is not None:
            participant.downlink.remove(subscription)
        self.dynacast.look_at(track)
        if self._limit_of(track):
            # What a limit held back may have room now.
            for other in self._room.visible_tracks():
                if other is not track:
                    self._begin_if_wanted(participant, other)

    def _note_wish(self, participant: Participant, sid: str, *, subscribe: bool) -> None:
        if sid not in participant.wishes and len(participant.wishes) >= MOST_WISHES:
            return
        participant.wishes[sid] = subscribe
        if subscribe and self._room.track(sid) is None:
            self._world.clock.later(
                NOT_FOUND_AFTER_S, lambda: self._say_if_missing(participant, sid)
            )

    def _say_if_missing(self, participant: Participant, sid: str) -> None:
        if participant.wishes.get(sid) and self._room.track(sid) is None and not participant.gone:
            response = SubscriptionResponse(track_sid=sid, err=SubscriptionError.SE_TRACK_NOTFOUND)
            participant.send(SignalResponse(subscription_response=response))

    def _wanted(self, participant: Participant, track: PublishedTrack) -> bool:
        return (
            track.visible
            and track.publisher is not participant
            and participant.takes_tracks
            and participant.permission.can_subscribe
            and participant.wishes.get(track.sid, participant.auto_subscribe)
            and self._allowed(participant, track)
        )

    def _allowed(self, participant: Participant, track: PublishedTrack) -> bool:
        publisher = track.publisher
        return publisher.allow_to_see(participant.sid, participant.identity, track.sid)

    def _begin_if_wanted(self, participant: Participant, track: PublishedTrack) -> None:
        if (
            track.sid in participant.subscriptions
            or participant.downlink is None
            or participant.held is not None
            or not self._wanted(participant, track)
            or self._at_limit(participant, track)
        ):
            return
        subscription = Subscription(track, participant, _settings_of(participant, track))
        participant.subscriptions[track.sid] = subscription
        published = track.publisher.tracks.values()
        if not any(participant in other.subscriptions for other in published):
            self._room.introduce(track.publisher, participant)
        track.subscriptions[participant] = subscription
        participant.downlink.add(subscription)
        if not track.was_subscribed and not participant.hidden:
            track.was_subscribed = True
            response = TrackSubscribed(track_sid=track.sid)
            track.publisher.send(SignalResponse(track_subscribed=response))
        self.dynacast.look_at(track)

    def _at_limit(self, participant: Participant, track: PublishedTrack) -> bool:
        had = sum(other.track.kind == track.kind for other in participant.subscriptions.values())
        return 0 < self._limit_of(track) <= had

    def _limit_of(self, track: PublishedTrack) -> int:
        limit = self._world.config.limit
        video = track.kind == "video"
        return limit.subscription_limit_video if video else limit.subscription_limit_audio

    def _apply(self, subscription: Subscription) -> None:
        downlink, number = subscription.subscriber.downlink, subscription.track.number
        if downlink is not None and number is not None:
            self._world.engine.set_layer(
                downlink.peer,
                number,
                layer=subscription.track.layer_of(subscription.settings),
                enabled=not subscription.settings.disabled,
            )


def _sids(named: Sequence[str]) -> list[str]:
    """Keep what can be a sid, and no more than anybody needs: wishes are remembered."""
    return [sid for sid in named[:MOST_WISHES] if len(sid) <= LONGEST_SID]


def _settings_of(participant: Participant, track: PublishedTrack) -> Settings:
    """Give the settings of a fresh subscription: small, while a client says what it shows."""
    wish = participant.settings.get(track.sid)
    if wish is not None:
        return wish
    small = participant.adaptive_stream and track.kind == "video"
    return Settings(quality=VideoQuality.LOW if small else VideoQuality.HIGH)
