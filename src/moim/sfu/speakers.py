"""Who speaks: the engine says who does now, clients are told what has changed."""

from typing import TYPE_CHECKING, Final

from livekit.protocol.models import SpeakerInfo
from livekit.protocol.rtc import SignalResponse, SpeakersChanged

from moim.sfu.participant import Participant

if TYPE_CHECKING:
    from moim.sfu.room import Room

STEPS: Final = 8  # a level moves in eighths, so that a steady voice is no news


def say_speakers(room: "Room", speakers: list[tuple[int, int, float]]) -> None:
    """Tell everybody about those whom it watches: who became louder, softer or silent."""
    directory = room.world.directory
    now: dict[Participant, float] = {}
    for number, _track, level in speakers:
        participant = directory.participants.get(number)
        if participant is not None:
            now[participant] = max(now.get(participant, 0), max(1, round(level * STEPS)) / STEPS)
    heard: dict[Participant, list[Participant]] = {}
    for participant in room.participants.values():
        level = now.get(participant, 0)
        if level == participant.speaking:
            continue
        participant.speaking = level
        for watcher in participant.watchers():
            heard.setdefault(watcher, []).append(participant)
    for watcher, changed in heard.items():
        watcher.send(speakers_changed(changed))


def speakers_changed(participants: list[Participant]) -> SignalResponse:
    """Say how loud each of them speaks now; 0 is not at all."""
    infos = [
        SpeakerInfo(sid=who.sid, level=who.speaking, active=who.speaking > 0)
        for who in participants
    ]
    return SignalResponse(speakers_changed=SpeakersChanged(speakers=infos))
