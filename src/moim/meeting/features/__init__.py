"""The features of a room, one file each. `FEATURES` is the only place that lists them."""

from typing import Any

from moim.meeting.feature import Feature
from moim.meeting.features.chat import chat
from moim.meeting.features.hand import hand
from moim.meeting.images import image

FEATURES: tuple[Feature[Any], ...] = (image, chat, hand)
