import pytest
from hypothesis import given
from hypothesis import strategies as st

from moim.sfu import sdp
from tests.sfu.fakes import channel_lines, media_lines, offer


def section(*arguments: object, **options: object) -> sdp.Section:
    return sdp.Section(media_lines(*arguments, **options))  # type: ignore[arg-type]


def test_what_is_read_is_written_again() -> None:
    text = offer(
        media_lines("audio", "0", "sendrecv", cid="mic"), media_lines("video", "1", "recvonly")
    )
    assert str(sdp.parse(text)) == text
    assert str(sdp.parse(text.replace("\r\n", "\n"))) == text


def test_a_line_says_what_it_carries() -> None:
    line = section("video", "1", "sendonly", cid="cam", rids=("q", "~h", "f"))
    assert (line.kind, line.mid, line.direction, line.sends) == ("video", "1", "sendonly", True)
    assert line.track_ids() == ["cam"]
    assert line.rids == ["q", "h", "f"]
    assert line.codecs() == {"96": "vp8", "97": "rtx", "103": "h264", "104": "rtx"}
    assert line.first_codec() == "vp8"


def test_a_line_without_a_direction_goes_both_ways() -> None:
    line = section("audio", "0", "sendonly")
    line.lines.remove("a=sendonly")
    assert line.direction == "sendrecv"


def test_track_ids_are_in_ssrc_lines_too() -> None:
    line = section("audio", "0", "sendonly")
    line.lines.append("a=ssrc:7 msid:stream mic")
    assert line.track_ids() == ["mic"]


def test_a_preferred_codec_comes_first_with_its_repair() -> None:
    line = section("video", "1", "recvonly")
    line.prefer("h264")
    assert line.payload_types == ["103", "104", "96", "97"]
    assert line.first_codec() == "h264"
    line.prefer("av1")
    assert line.payload_types == ["103", "104", "96", "97"]


def test_a_line_carries_a_track_with_every_ssrc_named() -> None:
    line = section("video", "1", "sendrecv", ssrc=5)
    line.lines += ["a=ssrc:6 cname:x", "a=ssrc-group:FID 5 6"]
    line.carry("PA_1|TR_1", "TR_1")
    assert line.direction == "sendonly"
    assert "a=msid:PA_1|TR_1 TR_1" in line.lines
    assert [text for text in line.lines if text.startswith("a=ssrc")] == [
        "a=ssrc-group:FID 5 6",
        "a=ssrc:5 cname:PA_1|TR_1",
        "a=ssrc:5 msid:PA_1|TR_1 TR_1",
        "a=ssrc:6 cname:PA_1|TR_1",
        "a=ssrc:6 msid:PA_1|TR_1 TR_1",
    ]


@pytest.mark.parametrize(
    ("change", "direction"), [("idle", "inactive"), ("receive_only", "recvonly")]
)
def test_a_line_without_a_track_of_ours_names_none(change: str, direction: str) -> None:
    line = section("video", "1", "sendrecv", ssrc=5)
    line.lines.insert(3, "a=msid:random random")
    getattr(line, change)()
    assert line.direction == direction
    assert not [text for text in line.lines if "ssrc" in text or "msid" in text]


def test_parameters_are_added_once() -> None:
    line = section("audio", "0", "recvonly")
    line.add_fmtp("opus", ["usedtx=1", "useinbandfec=0"])
    line.add_fmtp("opus", ["usedtx=1"])
    assert "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1" in line.lines


def test_parameters_are_added_to_a_codec_without_any() -> None:
    line = section("audio", "0", "recvonly")
    line.lines = [text for text in line.lines if not text.startswith("a=fmtp")]
    line.add_fmtp("opus", ["usedtx=1"])
    at = line.lines.index("a=rtpmap:111 opus/48000/2")
    assert line.lines[at + 1] == "a=fmtp:111 usedtx=1"


def test_a_refused_line_is_told_from_a_bundled_one() -> None:
    line = section("audio", "0", "sendonly")
    line.lines[0] = line.lines[0].replace(" 9 ", " 0 ")
    assert line.rejected
    assert not line.sends
    line.lines.append("a=bundle-only")
    assert not line.rejected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=0\r\nx",
        "v=0\r\nm=audio\r\n",
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        offer(channel_lines("data")),
        offer(media_lines("audio", "0", "sendonly"), ["a=rtpmap:111 PCMU/8000"]),
        offer(media_lines("video", "0", "sendonly"), ["a=fmtp:97 apt=103"]),
        offer(media_lines("video", "0", "sendonly"), ["a=fmtp:104 apt=96"]),
        offer(["m=audio 9 UDP/TLS/RTP/SAVPF 111 111", "a=mid:0"]),
        offer(["m=audio 9 UDP/TLS/RTP/SAVPF 128", "a=mid:0"]),
        offer(["m=audio 9 UDP/TLS/RTP/SAVPF x", "a=mid:0"]),
        "v=0\r\n" + "a=x\r\n" * 200_000,
        "v=0\r\n" + "".join(f"m=audio 9 A 1\r\na=mid:{number}\r\n" for number in range(2000)),
    ],
)
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(sdp.SdpError):
        sdp.parse(text)


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [*media_lines("video", "1", "sendonly", cid="c", rids=("q", "h")), *channel_lines("0")]
        ),
        st.text(alphabet="amsv=:;, 019\r\nrtpfidxc-~", max_size=30),
    ),
    max_size=30,
)


@given(LINES)
def test_no_text_breaks_the_reader_and_the_writers(lines: list[str]) -> None:
    try:
        description = sdp.parse("v=0\r\n" + "\r\n".join(lines))
    except sdp.SdpError:
        return
    for line in description.media:
        _ = (line.rids, line.track_ids(), line.first_codec(), line.sends, line.rejected)
        line.prefer("vp8")
        line.add_fmtp("opus", ["usedtx=1"])
        line.carry("PA_1|TR_1", "TR_1")
        carrying = line.direction
        line.idle()
        assert (carrying, line.direction) == ("sendonly", "inactive")
    assert sdp.parse(str(description)) == description
