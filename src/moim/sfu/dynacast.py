"""Dynacast: a publisher learns which layers anybody looks at, and stops encoding the others.

More is asked for at once; less only after it has been so for a while, since layouts flicker.
Source: livekit pkg/rtc/dynacast.
"""

from typing import Final

from livekit.protocol.models import TrackType, VideoQuality
from livekit.protocol.rtc import (
    SignalResponse,
    SubscribedCodec,
    SubscribedQuality,
    SubscribedQualityUpdate,
)

from moim.sfu.tracks import PublishedTrack
from moim.sfu.world import World

LOWER_AFTER_S: Final = 5
FIRST_OFF_AFTER_S: Final = 10
_QUALITIES: Final = (VideoQuality.LOW, VideoQuality.MEDIUM, VideoQuality.HIGH)


class Dynacast:
    def __init__(self, world: World) -> None:
        self._world = world

    def look_at(self, track: PublishedTrack) -> None:
        """Tell the publisher what is wanted of a track now, or soon."""
        if track.info.type != TrackType.VIDEO or not track.visible:
            return
        wanted = self._wanted(track)
        told = track.told_quality
        if told is not None and wanted == told:
            self.forget(track)
        elif wanted != VideoQuality.OFF and (told in (None, VideoQuality.OFF) or wanted > told):
            self.forget(track)
            self._tell(track, wanted)
        elif track.lowering is None:
            wait_s = FIRST_OFF_AFTER_S if told is None else LOWER_AFTER_S
            track.lowering = self._world.clock.later(wait_s, lambda: self._lower(track))

    def forget(self, track: PublishedTrack) -> None:
        """Call off what was to be told later."""
        if track.lowering is not None:
            track.lowering.cancel()
            track.lowering = None

    def _lower(self, track: PublishedTrack) -> None:
        track.lowering = None
        if track.visible:
            self._tell(track, self._wanted(track))

    def _wanted(self, track: PublishedTrack) -> VideoQuality:
        qualities = [
            track.quality_of(subscription.settings)
            for subscription in track.subscriptions.values()
            if not subscription.settings.disabled
        ]
        return max(qualities, default=VideoQuality.OFF)

    def _tell(self, track: PublishedTrack, highest: VideoQuality) -> None:
        if track.told_quality == highest:
            return
        track.told_quality = highest
        qualities = [
            SubscribedQuality(
                quality=quality, enabled=highest != VideoQuality.OFF and quality <= highest
            )
            for quality in _QUALITIES
        ]
        update = SubscribedQualityUpdate(
            track_sid=track.sid,
            subscribed_qualities=qualities,
            subscribed_codecs=[SubscribedCodec(codec=track.codec, qualities=qualities)],
        )
        track.publisher.send(SignalResponse(subscribed_quality_update=update))
