"""The command line: sentences instead of tracebacks, and exit codes that scripts can use."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert

from moim import lan
from moim.addresses import ADDRESS_FILE
from moim.cli import main
from moim.lan import LanHost, ensure_certificates
from moim.listening import listen
from moim.setting_texts import settings_table
from moim.settings import Settings, load_settings, variable_of
from moim.storage.database import Database
from moim.storage.host_links import hash_of
from moim.storage.schema import bring_up_to_date
from moim.storage.tables import host_link
from moim.storage.tables import room as room_table
from tests.net.test_lan import NOW

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable_of(field), raising=False)
    monkeypatch.setenv("MOIM_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def moim(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_the_table_of_settings_is_printed_for_the_docs(moim: Run) -> None:
    assert moim("settings", "--markdown") == (0, settings_table(), "")


def test_the_settings_in_force_are_shown_without_their_secrets(
    moim: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOIM_SECRET", "hunter2" * 5)
    monkeypatch.setenv("MOIM_DATABASE_URL", "postgresql+asyncpg://moim:hunter2@db/moim")
    code, out, _ = moim("settings")
    assert code == 0
    assert "MOIM_PORT = 3000  (default)" in out
    assert "MOIM_DATABASE_URL = postgresql+asyncpg://moim:***@db/moim\n" in out
    assert "hunter2" not in out


def test_the_version_is_printed(moim: Run) -> None:
    code, out, _ = moim("version")
    assert (code, out.split()[0]) == (0, "moim")


def test_a_wrong_setting_ends_with_its_name_and_exit_code_2(
    moim: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOIM_PROT", "4000")
    code, out, err = moim("serve")
    assert (code, out) == (2, "")
    assert "MOIM_PROT is not a setting of moim; did you mean MOIM_PORT?" in err
    assert "code settings_invalid" in err


def test_options_without_a_command_are_for_serving(moim: Run) -> None:
    taken = listen("localhost", 0)
    try:
        code, _, err = moim("--port", str(taken.port))
    finally:
        taken.close()
    assert code == 2
    assert f"Port {taken.port} is used by another program" in err
    assert "code port_busy" in err
    assert "Traceback" not in err


def test_a_data_folder_that_cannot_be_made_is_named(moim: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = moim("--data-dir", str(tmp_path / "file" / "data"), "--port", "0")
    assert code == 2
    assert str(tmp_path / "file") in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("rooms", "--help")])
def test_help_is_there_on_each_level(moim: Run, arguments: tuple[str, ...]) -> None:
    code, out, _ = moim(*arguments)
    assert code == 0
    assert "Usage" in out


def test_an_unknown_option_is_refused(moim: Run) -> None:
    code, _, err = moim("--prot", "1")
    assert code == 2
    assert "--port" in err


def a_room(slug: str, name: str) -> None:
    async def make() -> None:
        database = Database(load_settings().database_url)
        await bring_up_to_date(database)
        async with database.writing() as connection:
            await connection.execute(
                insert(room_table).values(
                    id="RM_0123456789abcdef",
                    slug=slug,
                    name=name,
                    listed=True,
                    locked=False,
                    people=2,
                    created_ms=1_700_000_000_000,
                    active_ms=1_700_000_100_000,
                    seq=0,
                )
            )
        await database.close()

    asyncio.run(make())


@pytest.mark.parametrize("arguments", [("--port", "99999"), ("--lan", "--domain", "a.example")])
def test_one_fault_is_told_once_without_what_follows_from_it(
    moim: Run, arguments: tuple[str, ...]
) -> None:
    code, _, err = moim(*arguments)
    assert code == 2
    assert len(err.splitlines()) == 2  # and its code
    assert "Pydantic" not in err


def test_rooms_are_listed_with_their_addresses(moim: Run) -> None:
    assert moim("rooms") == (0, "There is no room yet.\n", "")
    a_room("abcd-efgh-jkm", "금요일 차 모임")
    code, out, _ = moim("rooms")
    head, row = out.splitlines()
    assert code == 0
    assert head.split() == ["ROOM", "ADDRESS", "LISTED", "PEOPLE", "MADE", "LAST", "USED"]
    assert "금요일 차 모임" in row
    assert "http://localhost:3000/r/abcd-efgh-jkm  listed  2 " in row


def test_rooms_have_the_address_of_the_server_that_was_started_last(
    moim: Run, tmp_path: Path
) -> None:
    a_room("abcd-efgh-jkm", "Tea")
    (tmp_path / "data" / ADDRESS_FILE).write_text("https://localhost:4000/meet\n", "utf-8")
    assert "  https://localhost:4000/meet/r/abcd-efgh-jkm  " in moim("rooms")[1]
    link = moim("rooms", "host-link", "abcd-efgh-jkm")[1]
    assert link.startswith("https://localhost:4000/meet/h/abcd-efgh-jkm/")


@pytest.mark.parametrize("given", ["abcd-efgh-jkm", "https://meet.example/r/abcd-efgh-jkm"])
def test_a_new_host_link_is_printed_and_only_its_hash_is_kept(
    moim: Run, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("MOIM_PUBLIC_URL", "https://meet.example")
    a_room("abcd-efgh-jkm", "Tea")
    code, out, _ = moim("rooms", "host-link", given)
    assert code == 0
    start, secret = out.strip().rsplit("/", 1)
    assert start == "https://meet.example/h/abcd-efgh-jkm"

    async def kept() -> list[str]:
        database = Database(load_settings().database_url)
        await bring_up_to_date(database)
        async with database.reading() as connection:
            rows = (await connection.execute(host_link.select())).mappings().all()
        await database.close()
        return [row["secret_hash"] for row in rows]

    assert asyncio.run(kept()) == [hash_of(secret)]


def test_an_unknown_room_gets_no_host_link(moim: Run) -> None:
    a_room("abcd-efgh-jkm", "Tea")
    code, out, err = moim("rooms", "host-link", "nope")
    assert (code, out) == (2, "")
    assert "There is no room nope" in err


def test_how_to_trust_the_ca_is_shown_once_there_is_one(moim: Run, tmp_path: Path) -> None:
    code, _, err = moim("trust")
    assert code == 2
    assert "moim --lan" in err
    made = ensure_certificates(lan.lan_folder(tmp_path / "data"), LanHost("kitchen", ()), NOW)
    (tmp_path / "data" / "address").write_text("http://localhost:4123\n", encoding="utf-8")
    code, out, _ = moim("trust")
    assert code == 0
    assert ":4123/moim-ca.crt" in out, "the running server's port, not that of the settings"
    assert lan.fingerprint(made.ca) in out
    for system in ("Windows", "macOS", "iOS", "Android", "Linux", "Firefox"):
        assert system in out


def test_the_module_runs_without_an_installed_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "moim", "version"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUTF8": "0"},
    )
    assert (done.returncode, done.stderr) == (0, "")
