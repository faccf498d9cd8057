"""A published track and the subscriptions to it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from livekit.protocol.models import (
    SimulcastCodecInfo,
    TrackInfo,
    TrackSource,
    TrackType,
    VideoLayer,
    VideoQuality,
)
from livekit.protocol.rtc import AddTrackRequest

from moim.sfu.ports import MediaKind, Timer

if TYPE_CHECKING:
    from moim.sfu.participant import Participant

HIGHEST_LAYER: Final = 2
_DEFAULT_CODEC: Final = {"audio": "opus", "video": "vp8"}
_STREAMS: Final = {
    TrackSource.CAMERA: "camera",
    TrackSource.MICROPHONE: "camera",
    TrackSource.SCREEN_SHARE: "screen",
    TrackSource.SCREEN_SHARE_AUDIO: "screen",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a subscriber wants of a track: LiveKit's track settings."""

    disabled: bool = False
    quality: VideoQuality = VideoQuality.HIGH
    width: int = 0
    height: int = 0
    fps: int = 0


@dataclass(eq=False)
class Subscription:
    """One track on its way to one participant."""

    track: "PublishedTrack"
    subscriber: "Participant"
    settings: Settings


@dataclass(eq=False)
class PublishedTrack:
    """A track from its announcement (AddTrack) on; `visible` once its m-line is negotiated."""

    publisher: "Participant"
    info: TrackInfo
    kind: MediaKind
    cids: frozenset[str]
    codec: str  # lower case, as in SDP
    mid: str = ""
    number: int | None = None
    visible: bool = False
    awaits_media: bool = False
    was_subscribed: bool = False
    subscriptions: "dict[Participant, Subscription]" = field(default_factory=dict)
    told_quality: VideoQuality | None = None
    lowering: Timer | None = None

    @property
    def sid(self) -> str:
        return self.info.sid

    def layer_of(self, settings: Settings) -> int:
        """Give the highest layer that the settings ask for; a width wins over a quality."""
        return int(self.quality_of(settings))

    def quality_of(self, settings: Settings) -> VideoQuality:
        layers = sorted(self.info.layers, key=lambda layer: layer.width)
        if not settings.width or not layers:
            return settings.quality
        for layer in layers:
            if layer.width >= settings.width:
                return layer.quality
        return layers[-1].quality


def new_track(
    publisher: "Participant", request: AddTrackRequest, sid: str, enabled_codecs: frozenset[str]
) -> PublishedTrack:
    """Make the track that a client asks to publish; a codec that is not enabled is replaced."""
    kind: MediaKind = "video" if request.type == TrackType.VIDEO else "audio"
    wished = request.simulcast_codecs[0].codec if request.simulcast_codecs else ""
    codec = wished.lower().removeprefix(f"{kind}/") or _DEFAULT_CODEC[kind]
    if codec not in enabled_codecs:
        codec = _DEFAULT_CODEC[kind]
    cids = {request.cid, *(other.cid for other in request.simulcast_codecs)} - {""}
    info = TrackInfo(
        sid=sid,
        type=request.type,
        name=request.name,
        muted=request.muted,
        width=request.width,
        height=request.height,
        disable_dtx=request.disable_dtx,
        source=request.source,
        layers=_layers(request, kind),
        mime_type=f"{kind}/{codec}",
        stereo=request.stereo,
        disable_red=request.disable_red,
        encryption=request.encryption,
        stream=request.stream or _STREAMS.get(request.source, "unknown"),
        audio_features=request.audio_features,
        backup_codec_policy=request.backup_codec_policy,
        packet_trailer_features=request.packet_trailer_features,
        codecs=[
            SimulcastCodecInfo(
                mime_type=f"{kind}/{codec}", cid=request.cid, layers=_layers(request, kind)
            )
        ],
    )
    return PublishedTrack(publisher, info, kind, frozenset(cids), codec)


def _layers(request: AddTrackRequest, kind: MediaKind) -> list[VideoLayer]:
    if kind == "audio":
        return []
    if request.layers:
        return list(request.layers)
    return [VideoLayer(quality=VideoQuality.HIGH, width=request.width, height=request.height)]
