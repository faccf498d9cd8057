"""How a forwarded track is named in a description: whose it is, and what it is played with.

    a=msid:PA_xyz|camera TR_abc      on an m-line that carries its first track
    a=msid:PA_xyz|TR_abc TR_abc      on one that is used again

Tracks of one stream are played in time with each other. On a line that is used again Chromium
keeps the first id of the track, and the Rust SDK takes a stream it knows for the track it knows:
there the stream names the track. Firefox makes up ids of tracks, and needs that everywhere.
"""

from livekit.protocol.models import ClientInfo

from moim.sfu import quirks, sdp
from moim.sfu.tracks import PublishedTrack


class Streams:
    """The names on the lines of one connection; a track keeps its name while it is there."""

    def __init__(self, client: ClientInfo) -> None:
        self._client = client
        self._first: dict[str, str] = {}

    def write(self, section: sdp.Section, track: PublishedTrack) -> None:
        """Let a line carry a track."""
        fresh = self._first.setdefault(section.mid, track.sid) == track.sid
        by_stream = fresh and not quirks.makes_up_track_ids(self._client)
        name = track.info.stream if by_stream else track.sid
        section.carry(f"{track.publisher.sid}|{name}", track.sid)
        section.prefer(track.codec)
        if track.info.stereo:
            section.add_fmtp("opus", ["sprop-stereo=1"])
