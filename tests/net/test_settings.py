"""Settings: nothing is needed, nothing is ignored, and every refusal says what to do."""

from pathlib import Path

import pytest

from moim.platform import is_private
from moim.setting_texts import settings_table
from moim.settings import (
    Settings,
    SettingsError,
    load_settings,
    signing_key,
    variable_of,
)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable_of(field), raising=False)


def test_no_setting_is_needed_to_start_a_meeting(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert (settings.host, settings.port, settings.stun_port) == ("localhost", 3000, 3000)
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path.as_posix()}/moim.db"
    assert settings.stun_urls == ("own",)


def test_a_variable_is_read_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOIM_PORT", "4000")
    monkeypatch.setenv("MOIM_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert load_settings().port == 4000
    assert load_settings().stun_port == 4000
    assert load_settings().trusted_proxies == ("10.0.0.0/8", "::1")
    assert load_settings(port=5000, host=None).port == 5000


def test_an_empty_list_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOIM_STUN_URLS", "")
    assert load_settings().stun_urls == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MOIM_PROT", "MOIM_PORT"),
        ("MOIM_ROOTPATH", "MOIM_ROOT_PATH"),
        ("MOIM_XYZ", "moim settings"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=f"{name} is not a setting.*{hint}"):
        load_settings()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("port", "many", "MOIM_PORT: .*integer.*'many'"),
        ("port", "70000", "MOIM_PORT: .*65535"),
        ("root_path", "/a b", "MOIM_ROOT_PATH: write a path such as /meet"),
        ("secret", "short", "MOIM_SECRET: use at least 32 characters"),
        ("turn_secret", "short", "MOIM_TURN_SECRET: use at least 32 characters"),
        ("turn_urls", "turn:turn.example.org", "MOIM_TURN_URLS: set MOIM_TURN_SECRET too"),
        ("turn_urls", "stun:turn.example.org", "MOIM_TURN_URLS: .*write turn:"),
        ("turn_urls", "turn:turn.example.org:port", "MOIM_TURN_URLS: .*write turn:"),
        ("ice_transport_policy", "relay", "MOIM_ICE_TRANSPORT_POLICY: relay needs a TURN server"),
        ("stun_second_port", "70000", "MOIM_STUN_SECOND_PORT"),
        (
            "database_url",
            "postgres://db/moim",
            r"MOIM_DATABASE_URL: start it with postgresql\+async",
        ),
        ("public_url", "meet.example.org", "MOIM_PUBLIC_URL: .*write https://meet.example.org"),
        ("public_url", "https://a.example/x", "MOIM_PUBLIC_URL: .*write https://a.example"),
        ("allowed_origins", "https://ok.example nope", "MOIM_ALLOWED_ORIGINS: 'nope' is no origin"),
        ("trusted_proxies", "proxy", "MOIM_TRUSTED_PROXIES: 'proxy' is no address"),
        ("stun_urls", "stun.example.org", "MOIM_STUN_URLS: .*write stun:"),
        ("max_participants", "1", "MOIM_MAX_PARTICIPANTS: .*greater than or equal to 2"),
        ("log_level", "loud", "MOIM_LOG_LEVEL: .*'debug'"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_a_fix(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable_of(field), value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


ONE_OF_SEVERAL = {
    "database_url": "postgresql+asyncpg://db/moim",
    "redis_url": "redis://redis:6379/0",
    "node": "moim-1",
    "node_url": "http://moim-1:3000",
}


def test_one_of_several_servers_has_an_address_of_its_own_for_browsers() -> None:
    settings = load_settings(**ONE_OF_SEVERAL, node_public_url="https://Moim-1.example.org:8443/")
    assert settings.node_public_url == "https://moim-1.example.org:8443"
    plain = load_settings(
        **ONE_OF_SEVERAL, node_public_url="http://10.0.0.5:3001", public_url="http://10.0.0.4"
    )
    assert plain.node_public_url == "http://10.0.0.5:3001"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("wss://moim-1.example.org", "write https://"),
        ("https://moim-1.example.org/livekit", "write https://moim-1.example.org"),
        ("https://[2001:db8::1]:3000", "no way to write an IPv6 address"),
        ("https://x;script-src", "is no name of a host"),
        ("https://*.example.org", "is no name of a host"),
        ("https://모임.example", "is no name of a host"),
        ("", "is no origin"),
    ],
)
def test_an_own_address_that_no_policy_can_hold_is_refused(value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"MOIM_NODE_PUBLIC_URL: .*{said}"):
        load_settings(**ONE_OF_SEVERAL, node_public_url=value)


def test_an_own_address_is_for_one_of_several_servers() -> None:
    with pytest.raises(SettingsError, match=r"MOIM_NODE_PUBLIC_URL: .*set MOIM_NODE and"):
        load_settings(node_public_url="https://moim-1.example.org")


def test_pages_over_https_are_not_sent_to_a_plain_address() -> None:
    with pytest.raises(SettingsError, match=r"MOIM_PUBLIC_URL: .*MOIM_NODE_PUBLIC_URL"):
        load_settings(
            **ONE_OF_SEVERAL,
            node_public_url="http://moim-1.example.org",
            public_url="https://meet.example.org",
        )


def test_a_refused_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOIM_SECRET", "hunter2")
    monkeypatch.setenv("MOIM_DATABASE_URL", "postgres://me:hunter2@db/moim")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert "hunter2" not in str(refusal.value)


def test_a_path_prefix_gets_one_leading_slash_and_no_trailing_one() -> None:
    assert load_settings(root_path="meet/").root_path == "/meet"
    assert load_settings(root_path="/").root_path == ""


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "new")
    key = signing_key(settings)
    assert len(key) >= 32
    assert signing_key(settings) == key
    assert is_private(tmp_path / "new" / "secret.key")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["secret.key"]


def test_a_given_secret_is_the_key_and_leaves_no_file(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, secret="x" * 32)
    assert signing_key(settings) == b"x" * 32
    assert not list(tmp_path.iterdir())


def test_a_damaged_key_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(b"")
    with pytest.raises(SettingsError, match="too short"):
        signing_key(load_settings(data_dir=tmp_path))


def test_the_table_of_the_docs_names_every_setting() -> None:
    table = settings_table()
    for field, info in Settings.model_fields.items():
        assert info.description
        assert f"| `{variable_of(field)}` |" in table
    assert str(Path.home()) not in table
