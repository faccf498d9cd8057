"""Downlink of a participant with two peer connections: the server offers on the second one.

    subscribe, unsubscribe ─▶ NegotiationNeeded ─(gather)▶ create_offer ─▶ Offered ─▶ rewrite
        ─offer n─▶ client ─answer n─▶ accept_answer ─▶ AnswerAccepted ─▶ again, if things changed

One offer is outstanding at a time. A client that does not answer is asked to start anew.
"""

from typing import TYPE_CHECKING, Final

import structlog
from livekit.protocol.models import DisconnectReason, SubscriptionError
from livekit.protocol.rtc import (
    LeaveRequest,
    SessionDescription,
    SignalResponse,
    SubscriptionResponse,
)

from moim.sfu import events, sdp
from moim.sfu.participant import Participant
from moim.sfu.ports import Timer
from moim.sfu.streams import Streams
from moim.sfu.tracks import Subscription
from moim.sfu.world import PeerEvent, World

if TYPE_CHECKING:
    from moim.sfu.room import Room

GATHER_S: Final = 0.01
GATHER_LATER_S: Final = 0.15
ANSWER_PATIENCE_S: Final = 15
_log = structlog.get_logger("moim.sfu")


class SubscriberLink:
    """A peer in the engine's mode `subscriber`."""

    def __init__(self, world: World, room: "Room", participant: Participant, peer: int) -> None:
        self.participant: Final = participant
        self.peer: Final = peer
        self._world = world
        self._room = room
        self._streams = Streams(participant.client)
        self._request = 0  # of the offer that is being made, or that awaits its answer
        self._offer: SessionDescription | None = None
        self._offers = 0
        self._again = False
        self._restart = False
        self._gathering: Timer | None = None
        self._patience: Timer | None = None

    def start(self) -> None:
        """Make the first offer, which has the data channels."""
        self._negotiate()

    def add(self, subscription: Subscription) -> None:
        number = subscription.track.number
        if number is not None:
            self._world.engine.subscribe(self.peer, number)
            layer = subscription.track.layer_of(subscription.settings)
            enabled = not subscription.settings.disabled
            self._world.engine.set_layer(self.peer, number, layer=layer, enabled=enabled)

    def remove(self, subscription: Subscription) -> None:
        if subscription.track.number is not None:
            self._world.engine.unsubscribe(self.peer, subscription.track.number)

    def restart_ice(self) -> None:
        """The client came back over another connection: it needs our part of a new ICE.

        An offer whose answer was lost with the old connection is said again first.
        """
        self._restart = True
        if self._offer is not None:
            self.participant.send(SignalResponse(offer=self._offer))
            self._wait_for_answer()
        self._negotiate()

    def answer(self, description: SessionDescription) -> None:
        """Take the client's answer; one to an offer that is no longer ours is passed over."""
        if self._offer is None or description.id not in (0, self._offer.id):
            return
        self._world.engine.accept_answer(self.peer, self._request, description.sdp)

    def close(self) -> None:
        for timer in (self._gathering, self._patience):
            if timer is not None:
                timer.cancel()

    def handle(self, event: PeerEvent) -> None:
        """Take what the engine says about this peer."""
        match event:
            case events.NegotiationNeeded():
                if self._gathering is None:
                    wait_s = GATHER_S if self._offers <= 1 else GATHER_LATER_S
                    self._gathering = self._world.clock.later(wait_s, self._gathered)
            case events.Offered(request=request, sdp=text, tracks=tracks):
                if request == self._request:
                    self._offered(text, dict(tracks))
            case events.AnswerAccepted(request=request, rejected=rejected):
                if request == self._request:
                    self._accepted(rejected)
            case events.Refused(request=request, reason="unchanged"):
                # What was to be offered was taken back before the offer was made.
                if request == self._request:
                    self._accepted([])
            case events.Refused(request=request, reason=reason):
                if request == self._request:
                    _log.info("answer_refused", reason=reason)
                    self._out_of_step()
            case events.PeerState():
                self._room.peer_changed(self.participant, self.peer, event.state)
            case events.Answered():
                _log.warning("engine_event_unexpected", event_name=type(event).__name__)

    def _gathered(self) -> None:
        self._gathering = None
        self._negotiate()

    def _negotiate(self) -> None:
        if self._request:
            self._again = True
            return
        self._request = next(self._world.requests)
        restart, self._restart, self._again = self._restart, False, False
        self._world.engine.create_offer(self.peer, self._request, ice_restart=restart)

    def _offered(self, text: str, numbers: dict[str, int]) -> None:
        description = sdp.parse(text)
        sids: dict[str, str] = {}
        for section in description.media:
            if section.rejected:
                continue
            number = numbers.get(section.mid)
            track = self._world.directory.tracks.get(number) if number is not None else None
            if track is None:
                section.idle()
                continue
            self._streams.write(section, track)
            sids[section.mid] = track.sid
        self._offers += 1
        self._offer = SessionDescription(
            type="offer", sdp=str(description), id=self._offers, mid_to_track_id=sids
        )
        self.participant.send(SignalResponse(offer=self._offer))
        self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._world.clock.later(ANSWER_PATIENCE_S, self._lost_patience)

    def _lost_patience(self) -> None:
        # Who is away will be sent the offer again when it is back.
        if self.participant.signals is not None:
            self._out_of_step()

    def _accepted(self, rejected: list[int]) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._request = 0
        self._offer = None
        for number in rejected:
            track = self._world.directory.tracks.get(number)
            if track is not None:
                self.participant.send(
                    SignalResponse(
                        subscription_response=SubscriptionResponse(
                            track_sid=track.sid, err=SubscriptionError.SE_CODEC_UNSUPPORTED
                        )
                    )
                )
        if self._again or self._restart:
            self._negotiate()

    def _out_of_step(self) -> None:
        self._room.dismiss(
            self.participant, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT
        )
