"""Downlink of a participant with one peer connection: tracks go into m-lines that the client made.

Only the client offers here, so the server asks: `media_sections_requirement` says how many more
m-lines it needs, or none, which means "offer again". A slot (an m-line on which the client only
receives) without a track is answered `inactive`; one that is taken from a track is answered
`inactive` once before it gets another, since clients hold on to what they have seen.
Source: livekit pkg/rtc/transport.go, client-sdk-js PCTransportManager.ts.
"""

from dataclasses import dataclass
from typing import Final

from livekit.protocol.models import SubscriptionError
from livekit.protocol.rtc import (
    MediaSectionsRequirement,
    SessionDescription,
    SignalResponse,
    SubscriptionResponse,
)

from moim.sfu import sdp
from moim.sfu.participant import Participant
from moim.sfu.ports import MediaKind, Timer
from moim.sfu.streams import Streams
from moim.sfu.tracks import Subscription
from moim.sfu.world import World

GATHER_S: Final = 0.02
_KINDS: Final[tuple[MediaKind, ...]] = ("audio", "video")


@dataclass(eq=False)
class _Slot:
    mid: str
    kind: str
    subscription: Subscription | None = None
    resting: bool = False  # its track went, and no answer has said so yet


class Slots:
    def __init__(self, world: World, participant: Participant, peer: int) -> None:
        self.peer: Final = peer
        self._participant = participant
        self._world = world
        self._streams = Streams(participant.client)
        self._slots: dict[str, _Slot] = {}
        self._waiting: list[Subscription] = []
        self._requested = dict.fromkeys(_KINDS, 0)
        self._offer_due = False
        self._gathering: Timer | None = None

    def add(self, subscription: Subscription) -> None:
        """Bring a track, at the client's next offer, for which it is asked soon."""
        self._waiting.append(subscription)
        self._ask_soon()

    def remove(self, subscription: Subscription) -> None:
        """Stop bringing a track, at once; its slot is free after the next answer."""
        if subscription in self._waiting:
            self._waiting.remove(subscription)
            return
        for slot in self._slots.values():
            if slot.subscription is subscription:
                slot.subscription = None
                slot.resting = True
                if subscription.track.number is not None:
                    self._world.engine.unsubscribe(self.peer, subscription.track.number)
                self._ask_soon()

    def answer(self, description: SessionDescription) -> None:
        """There is nothing to answer: the server makes no offer."""

    def restart_ice(self) -> None:
        """The client's own offer restarts ICE."""
        self._offer_due = False
        self._requested = dict.fromkeys(_KINDS, 0)

    def close(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
        self._waiting.clear()
        self._slots.clear()

    def offered(self, description: sdp.Description) -> None:
        """Give waiting tracks to free slots of the offer, before the engine answers it."""
        for section in description.media:
            usable = not section.rejected and section.direction == "recvonly"
            slot = self._slots.get(section.mid)
            if usable and slot is None:
                self._slots[section.mid] = _Slot(section.mid, section.kind)
            elif not usable and slot is not None:
                del self._slots[section.mid]
                if slot.subscription is not None:
                    self._waiting.append(slot.subscription)
        for subscription in list(self._waiting):
            if not self._known_codec(subscription, description):
                self._waiting.remove(subscription)
                self._refuse(subscription)
                continue
            slot = self._free(subscription.track.kind)
            if slot is not None and subscription.track.number is not None:
                self._waiting.remove(subscription)
                slot.subscription = subscription
                number = subscription.track.number
                self._world.engine.subscribe(self.peer, number, mid=slot.mid)
                layer = subscription.track.layer_of(subscription.settings)
                enabled = not subscription.settings.disabled
                self._world.engine.set_layer(self.peer, number, layer=layer, enabled=enabled)

    def write(self, section: sdp.Section) -> str:
        """Rewrite a slot's m-line in the engine's answer; gives the sid of its track, if any."""
        slot = self._slots.get(section.mid)
        if slot is None or slot.subscription is None:
            section.idle()
            return ""
        track = slot.subscription.track
        self._streams.write(section, track)
        return track.sid

    def answered(self) -> None:
        """An answer is out: what rested is free, what still waits is asked for again."""
        for slot in self._slots.values():
            slot.resting = slot.resting and slot.subscription is not None
        self._offer_due = False
        self._requested = dict.fromkeys(_KINDS, 0)
        if self._waiting:
            self._ask_soon()

    def _free(self, kind: MediaKind) -> _Slot | None:
        return next(
            (
                slot
                for slot in self._slots.values()
                if slot.kind == kind and slot.subscription is None and not slot.resting
            ),
            None,
        )

    def _known_codec(self, subscription: Subscription, description: sdp.Description) -> bool:
        """Whether the client's offer has the codec; one without any line of the kind may yet."""
        lines = [line for line in description.media if line.kind == subscription.track.kind]
        codecs = {codec for line in lines for codec in line.codecs().values()}
        return not lines or subscription.track.codec in codecs

    def _refuse(self, subscription: Subscription) -> None:
        response = SubscriptionResponse(
            track_sid=subscription.track.sid, err=SubscriptionError.SE_CODEC_UNSUPPORTED
        )
        self._participant.send(SignalResponse(subscription_response=response))

    def _ask_soon(self) -> None:
        """Gather what changes together, then ask for an offer."""
        if self._gathering is None:
            self._gathering = self._world.clock.later(GATHER_S, self._ask)

    def _ask(self) -> None:
        self._gathering = None
        if not self._waiting and not any(slot.resting for slot in self._slots.values()):
            return  # an offer has come meanwhile
        needed = {kind: self._needed(kind) for kind in _KINDS}
        if self._offer_due and not any(needed.values()):
            return  # an offer is on its way, and has room for all
        self._offer_due = True
        for kind, number in needed.items():
            self._requested[kind] += number
        requirement = MediaSectionsRequirement(
            num_audios=needed["audio"], num_videos=needed["video"]
        )
        self._participant.send(SignalResponse(media_sections_requirement=requirement))

    def _needed(self, kind: MediaKind) -> int:
        waiting = sum(subscription.track.kind == kind for subscription in self._waiting)
        free = sum(
            slot.kind == kind and slot.subscription is None and not slot.resting
            for slot in self._slots.values()
        )
        return max(0, waiting - free - self._requested[kind])
