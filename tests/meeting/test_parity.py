"""A feature is whole: rules, a twin in the web client, tests, a section in the protocol page."""

import re
from pathlib import Path

import pytest

from moim.meeting.feature import Feature, Slice
from moim.meeting.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
by_name = pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)


@by_name
def test_a_feature_has_a_twin_that_folds_in_the_browser(feature: Feature[Slice]) -> None:
    twin = ROOT / "web" / "src" / "meeting" / "slices" / f"{feature.name}.ts"
    assert twin.is_file()
    told = twin.read_text(encoding="utf-8")
    for event in feature.events:
        assert f'"{event.type}"' in told, f"{twin.name} does not know {event.type}"


@by_name
def test_a_feature_is_in_the_golden_traces(feature: Feature[Slice]) -> None:
    told = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests/golden").glob("*.json"))
    for event in feature.events:
        assert f'"type": "{event.type}"' in told, f"no golden trace has {event.type}"


@by_name
def test_each_command_of_a_feature_is_tested(feature: Feature[Slice]) -> None:
    tests = (ROOT / "tests" / "meeting").glob("test_*.py")
    told = "".join(p.read_text(encoding="utf-8") for p in tests)
    for command in feature.commands:
        assert re.search(rf"\b{command.__name__}\(", told), f"no test gives {command.__name__}"


@by_name
def test_a_feature_has_its_section_in_the_protocol_page(feature: Feature[Slice]) -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for name in [c.name_on_wire for c in feature.commands if not c.internal]:
        assert f"`{name}`" in page, f"docs/protocol.md does not explain {name}"
    for event in feature.events:
        assert f"`{event.type}`" in page, f"docs/protocol.md does not explain {event.type}"
