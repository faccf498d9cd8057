"""Files: shared by the server alone, taken back by their sender and by hosts."""

import pytest
from pydantic import ValidationError

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.features.file import DeleteFile, File, FileShared, ShareFile, file
from moim.meeting.file_names import clean_file_name, ending
from moim.meeting.ids import SYSTEM, FileId
from moim.meeting.membership import Leave, Remove
from tests.meeting.world import JUN, MINA, SORA, World

PLAN = File(file_id=FileId("F_plan"), file_name="plan.pdf", bytes=3, sha256="a" * 64)


def shared() -> World:
    world = World().join(MINA, JUN, SORA)
    world.do(SYSTEM, ShareFile(identity=JUN, name="Jun", file=PLAN))
    return world


def test_everybody_sees_a_file_that_was_shared() -> None:
    world = shared()
    for view in world.views.values():
        (seen,) = file.of(view.room).files
        assert (seen.identity, seen.name, seen.file) == (JUN, "Jun", PLAN)


def test_who_left_before_the_last_byte_was_checked_has_shared_it_all_the_same() -> None:
    world = World().join(MINA, JUN)
    world.do(JUN, Leave())
    world.do(SYSTEM, ShareFile(identity=JUN, name="Jun", file=PLAN))
    assert len(file.of(world.room).files) == 1


def test_a_barred_person_shares_nothing() -> None:
    world = World().join(MINA, JUN)
    world.do(MINA, Remove(identity=JUN))
    with pytest.raises(Refused) as refused:
        world.do(SYSTEM, ShareFile(identity=JUN, name="Jun", file=PLAN))
    assert refused.value.code is ErrorCode.BARRED


@pytest.mark.parametrize("actor", [JUN, MINA])
def test_its_sender_and_a_host_take_a_file_back_and_its_name_is_scrubbed(actor: str) -> None:
    world = shared()
    (one,) = file.of(world.room).files
    world.do(JUN if actor == JUN else MINA, DeleteFile(seq=one.seq))
    assert file.of(world.room).files == ()
    event = world.journal[one.seq - 1].event
    assert isinstance(event, FileShared)
    assert event.file is None
    assert event.file_ids() == ()


def test_nobody_else_takes_it_back() -> None:
    world = shared()
    (one,) = file.of(world.room).files
    with pytest.raises(Refused) as refused:
        world.do(SORA, DeleteFile(seq=one.seq))
    assert refused.value.code is ErrorCode.NOT_AUTHOR


def test_a_file_that_is_gone_is_unknown() -> None:
    world = shared()
    with pytest.raises(Refused) as refused:
        world.do(MINA, DeleteFile(seq=1))
    assert refused.value.code is ErrorCode.FILE_UNKNOWN


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("plan.pdf", "plan.pdf"),
        (" 회의록 (최종).hwp ", "회의록 (최종).hwp"),
        ("ㅎㅏㄴ", "ㅎㅏㄴ"),
        ("\u1112\u1161\u11ab.txt", "한.txt"),
        (".bashrc", ".bashrc"),
        ("notes. . ", "notes"),
        ("👩\u200d👧.png", "👩\u200d👧.png"),
    ],
)
def test_a_name_is_kept_as_it_reads(raw: str, kept: str) -> None:
    assert clean_file_name(raw) == kept


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "C:x",
        "a\0.txt",
        "a\nb",
        "cod\u202efdp.exe",
        "\u2067x",
        "NUL",
        "com1.txt",
        "x" * 256,
        "가" * 86,
        "<b>",
    ],
)
def test_a_path_a_device_and_a_name_that_reads_otherwise_are_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="a name of up to 255 bytes"):
        clean_file_name(raw)
    with pytest.raises(ValidationError):
        PLAN.model_validate({**PLAN.model_dump(), "file_name": raw})


@pytest.mark.parametrize(
    ("name", "end"), [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("Makefile", ""), (".bashrc", "")]
)
def test_the_kind_of_a_file_is_its_ending(name: str, end: str) -> None:
    assert ending(name) == end
