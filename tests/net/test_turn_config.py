"""`moim turn-config`: what it prints is for coturn, what it says beside it is for moim."""

import pytest

from moim.cli import main

SECRET = "between-moim-and-the-turn-server-alone"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["turn-config", *arguments])
    code = end.value.code
    assert isinstance(code, int)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_secret_that_moim_has_is_used_and_nothing_else_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOIM_TURN_SECRET", SECRET)
    monkeypatch.setenv("MOIM_TURN_URLS", "turns:turn.example.org:443 turn:[2a00:1::1]:3478")
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert f"static-auth-secret={SECRET}\n" in out
    assert "realm=turn.example.org\n" in out


def test_a_new_secret_comes_with_what_to_give_to_moim(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(
        capsys,
        *("--realm", "turn.example.org", "--tls-port", "443"),
        *("--cert", "/etc/turn/cert.pem", "--key", "/etc/turn/key.pem"),
    )
    assert code == 0
    (secret,) = [
        line.partition("=")[2]
        for line in out.splitlines()
        if line.startswith("static-auth-secret=")
    ]
    assert len(secret) >= 32
    assert f"MOIM_TURN_SECRET={secret}\n" in err
    assert (
        'MOIM_TURN_URLS="turn:turn.example.org:3478 turn:turn.example.org:3478?transport=tcp '
        'turns:turn.example.org:443"' in err
    )
    assert f"static-auth-secret={secret}" not in run(capsys)[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--allow", "127.0.0.1"), "never opened"),
        (("--cert", "/etc/turn/cert.pem"), "a certificate and its key"),
        (("--external", "here"), "'here' is no address"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    code, out, err = run(capsys, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert "code settings_invalid" in err
