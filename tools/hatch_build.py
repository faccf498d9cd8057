"""Puts the built web client into the wheel and the source distribution.

A source distribution carries it already built, so installing from one needs no Node.js; a wheel
made straight from a checkout builds it first. An editable install is left alone: there the make
targets build the client, when it is needed.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebClientHook(BuildHookInterface[Any]):
    """Hatchling finds this class by its base."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Builds the client unless the one that is there was made from these very sources."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root)))
        try:
            from tools.bootstrap.node import ensure_client

            ensure_client()
        finally:
            sys.path.pop(0)
