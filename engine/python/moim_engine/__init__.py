"""The forwarding engine of moim's SFU; `_engine.pyi` documents it."""

from moim_engine._engine import *  # noqa: F403
from moim_engine._engine import __version__ as __version__
