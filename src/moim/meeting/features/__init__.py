"""The features of a room, one file each. `FEATURES` is the only place that lists them."""

from typing import Any

from moim.meeting import images
from moim.meeting.feature import Feature
from moim.meeting.features import app, chat, file, game, hand, private, recording, retention

FEATURES: tuple[Feature[Any], ...] = (
    images.image,
    chat.chat,
    private.private,
    retention.retention,
    file.file,
    hand.hand,
    recording.recording,
    game.game,
    app.app,
)
