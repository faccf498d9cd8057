"""The connection on which the client offers: its publisher, or its only one (with `slots`).

    client ──offer n──▶ match m-lines with AddTrack ─▶ engine ──Answered──▶ rewrite ──answer n──▶

One offer is worked on at a time; an answer carries the id of its offer. A track is visible to
others once its m-line is in an answer, whether or not a packet has come.
Source: livekit pkg/rtc/participant_sdp.go for the matching rules.
"""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import LeaveRequest, SessionDescription, SignalResponse

from moim.sfu import events, sdp
from moim.sfu.participant import Participant
from moim.sfu.slots import Slots
from moim.sfu.tracks import PublishedTrack
from moim.sfu.world import PeerEvent, World

if TYPE_CHECKING:
    from moim.sfu.room import Room

MOST_WAITING_OFFERS: Final = 8
_STEREO_BPS: Final = 510_000
_log = structlog.get_logger("moim.sfu")


@dataclass
class _Offer:
    id: int
    text: str
    description: sdp.Description
    request: int = 0


class Uplink:
    """A peer in the engine's mode `publisher` or `single`."""

    def __init__(
        self, world: World, room: "Room", participant: Participant, peer: int, slots: Slots | None
    ) -> None:
        self.participant: Final = participant
        self.peer: Final = peer
        self.slots: Final = slots
        self._world = world
        self._room = room
        self._waiting: deque[_Offer] = deque()
        self._current: _Offer | None = None
        self._pending: list[PublishedTrack] = []
        self._bound: dict[str, PublishedTrack] = {}
        # m-lines that send something for which no AddTrack has come yet
        self._unclaimed: dict[str, sdp.Section] = {}

    @property
    def pending(self) -> int:
        """How many tracks were announced and not yet offered."""
        return len(self._pending)

    def knows(self, cid: str) -> bool:
        """Whether a track with this id of the client's is announced or published."""
        return any(cid in track.cids for track in [*self._pending, *self._bound.values()])

    def expect(self, track: PublishedTrack) -> None:
        """Take a track that the client has announced; its m-line may have come before."""
        for mid, section in self._unclaimed.items():
            if section.kind == track.kind and _claims(track, section):
                del self._unclaimed[mid]
                self._bind(mid, section, track)
                if self._current is None:
                    self._publish(track)
                return
        self._pending.append(track)

    def offer(self, description: SessionDescription) -> None:
        """Take an offer of the client's."""
        if len(self._waiting) >= MOST_WAITING_OFFERS:
            self._out_of_step()
            return
        try:
            parsed = sdp.parse(description.sdp)
        except sdp.SdpError as error:
            _log.info("offer_unreadable", why=str(error))
            self._out_of_step()
            return
        self._waiting.append(_Offer(description.id, description.sdp, parsed))
        self._next()

    def handle(self, event: PeerEvent) -> None:
        """Take what the engine says about this peer."""
        match event:
            case events.Answered(request=request, sdp=text):
                if self._current is not None and request == self._current.request:
                    self._answered(self._current, text)
            case events.Refused(request=request, reason=reason):
                if self._current is not None and request == self._current.request:
                    _log.info("offer_refused", reason=reason)
                    self._out_of_step()
            case events.PeerState():
                self._room.peer_changed(self.participant, self.peer, event.state)
            case events.Offered() | events.AnswerAccepted() | events.NegotiationNeeded():
                _log.warning("engine_event_unexpected", event_name=type(event).__name__)

    def drop(self, track: PublishedTrack) -> None:
        """Forget a track that is not published any more."""
        if track in self._pending:
            self._pending.remove(track)
        if self._bound.get(track.mid) is track:
            del self._bound[track.mid]

    def _next(self) -> None:
        if self._current is not None or not self._waiting:
            return
        self._current = offer = self._waiting.popleft()
        offer.request = next(self._world.requests)
        self._match(offer.description)
        if self.slots is not None:
            self.slots.offered(offer.description)
        self._world.engine.accept_offer(self.peer, offer.request, offer.text)

    def _match(self, description: sdp.Description) -> None:
        """Find out which m-line carries which track, and which carries none any more."""
        sending = {section.mid: section for section in description.media if section.sends}
        for mid, track in list(self._bound.items()):
            section = sending.get(mid)
            if section is None or self._renamed(track, section):
                self._room.unpublish(track)
        self._unclaimed = {}
        for mid, section in sending.items():
            if mid in self._bound:
                continue
            found = self._pending_for(section)
            if found is None:
                self._unclaimed[mid] = section
            else:
                self._pending.remove(found)
                self._bind(mid, section, found)

    def _renamed(self, track: PublishedTrack, section: sdp.Section) -> bool:
        """Whether the m-line has been given to another track that was announced."""
        ids = section.track_ids()
        return not track.cids.intersection(ids) and any(
            other.cids.intersection(ids) for other in self._pending
        )

    def _pending_for(self, section: sdp.Section) -> PublishedTrack | None:
        alike = [track for track in self._pending if track.kind == section.kind]
        ids = section.track_ids()
        named = next((track for track in alike if track.cids.intersection(ids)), None)
        # Firefox and Safari may write other ids than they announced: the oldest it is, then.
        return named or next(iter(alike), None)

    def _bind(self, mid: str, section: sdp.Section, track: PublishedTrack) -> None:
        track.mid = mid
        track.info.mid = mid
        track.info.codecs[0].mid = mid
        track.info.simulcast = len(section.rids) > 1
        track.number = self._world.engine.publish(self.peer, mid, track.kind)
        self._world.directory.tracks[track.number] = track
        self._bound[mid] = track

    def _answered(self, offer: _Offer, text: str) -> None:
        answer = sdp.parse(text)
        tracks: dict[str, str] = {}
        fresh: list[PublishedTrack] = []
        for section in answer.media:
            offered = offer.description.section(section.mid)
            if section.rejected or offered is None:
                continue
            if offered.sends:
                section.receive_only()
                track = self._bound.get(section.mid)
                if track is not None:
                    _write_wishes(section, track)
                    if not track.visible:
                        _note_codec(track, section)
                        fresh.append(track)
            elif self.slots is None:
                section.idle()
            else:
                sid = self.slots.write(section)
                if sid:
                    tracks[section.mid] = sid
        self._current = None
        description = SessionDescription(
            type="answer", sdp=str(answer), id=offer.id, mid_to_track_id=tracks
        )
        self.participant.send(SignalResponse(answer=description))
        for track in fresh:
            self._publish(track)
        if self.slots is not None:
            self.slots.answered()
        self._next()

    def _publish(self, track: PublishedTrack) -> None:
        """Show the track, unless its codec is not known before its first packet (the Go SDK)."""
        if not track.awaits_media:
            self._room.publish(track)

    def _out_of_step(self) -> None:
        """The client has to start anew: its description is none, or does not fit what was."""
        self._room.dismiss(
            self.participant, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT
        )


def _claims(track: PublishedTrack, section: sdp.Section) -> bool:
    ids = section.track_ids()
    return not ids or bool(track.cids.intersection(ids))


def _write_wishes(section: sdp.Section, track: PublishedTrack) -> None:
    """Answer with what the publisher announced: its codec first, DTX and stereo."""
    section.prefer(track.codec)
    if track.kind == "audio":
        wishes = [] if track.info.disable_dtx else ["usedtx=1"]
        if track.info.stereo:
            wishes += ["stereo=1", f"maxaveragebitrate={_STEREO_BPS}"]
        section.add_fmtp("opus", wishes)


def _note_codec(track: PublishedTrack, section: sdp.Section) -> None:
    """Keep the codec that was negotiated, which may not be the one that was announced."""
    codec = section.first_codec()
    if codec:
        track.codec = codec
        track.info.mime_type = f"{track.kind}/{codec}"
        track.info.codecs[0].mime_type = track.info.mime_type
