from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from fluxsite import env

NAME = "FLUXSITE_TEST"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NAME, f"{NAME}_FILE", "SECRET_KEY", "SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_it_reads_text_without_outer_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "  two words \n")
    assert env.text(NAME, "default") == "two words"


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_it_takes_nothing_for_not_set(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.text(NAME, "default") == "default"
    assert env.text(NAME) == ""
    assert env.whole(NAME, 5) == 5


def test_it_reads_a_value_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "key"))
    monkeypatch.setenv(NAME, "from the variable")
    assert env.text(NAME) == "from the file"


def test_it_says_which_file_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE: No such file or directory: .*/none"):
        env.text(NAME)


def test_it_says_which_file_is_no_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE"):
        env.text(NAME)


@pytest.mark.parametrize(("value", "flag"), [("True", True), ("False", False)])
def test_it_reads_a_flag(value: str, flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.flag(NAME, not flag) is not flag
    monkeypatch.setenv(NAME, value)
    assert env.flag(NAME, not flag) is flag


@pytest.mark.parametrize("value", ["true", "1", "yes", "on", "Flase"])
def test_it_refuses_any_other_flag(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be True or False, not '{value}'"):
        env.flag(NAME, False)


def test_it_reads_a_whole_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.whole(NAME, 24, minimum=1) == 24
    monkeypatch.setenv(NAME, "007")
    assert env.whole(NAME, 24, minimum=1) == 7


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "many", "1e3", "²", "1_000", pytest.param("9" * 5000, id="huge")]
)
def test_it_refuses_any_other_number(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be a whole number from 1"):
        env.whole(NAME, 24, minimum=1)


@pytest.mark.parametrize(
    ("value", "words"), [("a", ["a"]), (" a , b,c ", ["a", "b", "c"]), (",,", []), ("a,,b,", ["a", "b"])]
)
def test_it_reads_words(value: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.words(NAME, "default") == words


def test_it_reads_the_default_as_words() -> None:
    assert env.words(NAME, "a,b") == ["a", "b"]
    assert env.words(NAME) == []


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://flux.example.org", "https://flux.example.org"),
        ("https://flux.example.org///", "https://flux.example.org"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("", ""),
    ],
)
def test_it_reads_an_address_without_its_slash(
    value: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.origin(NAME) == origin


@pytest.mark.parametrize(
    "value", ["flux.example.org", "ftp://a", "//a", "https:/a", "javascript:1", "https://", "https://a/b"]
)
def test_it_refuses_any_other_address(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be like https://host"):
        env.origin(NAME)


def test_it_reads_a_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "Europe/Berlin")
    assert env.zone(NAME, "UTC") == "Europe/Berlin"
    monkeypatch.setenv(NAME, "Mars/Olympus")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be a time zone"):
        env.zone(NAME, "UTC")


def test_it_refuses_an_unreadable_database_and_does_not_repeat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "nonsense://alice:s3cret@host/name")
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.database(NAME, "")
    assert "s3cret" not in str(refusal.value)


def test_it_takes_the_secret_key_that_was_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "given")
    assert env.secret_key(tmp_path / "data") == "given"
    assert not (tmp_path / "data").exists()


def test_it_makes_a_secret_key_and_keeps_it(tmp_path: Path) -> None:
    key = env.secret_key(tmp_path / "new" / "data")
    assert len(key) > 50
    assert env.secret_key(tmp_path / "new" / "data") == key
    assert env.secret_key(tmp_path / "other") != key


def test_it_lets_only_the_owner_read_the_secret_key(tmp_path: Path) -> None:
    env.secret_key(tmp_path)
    assert os.listdir(tmp_path) == ["secret_key"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


START_TOGETHER = """
import sys
from pathlib import Path
from fluxsite import env

print(flush=True)
sys.stdin.readline()
print(*(env.secret_key(Path(folder)) for folder in sys.argv[1:]))
"""


def test_it_gives_processes_that_start_together_the_same_key(tmp_path: Path) -> None:
    folders = [str(tmp_path / str(number)) for number in range(50)]
    command = [sys.executable, "-c", START_TOGETHER, *folders]
    processes = [
        subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    first, second = (process.communicate()[0].split() for process in processes)
    assert len(set(first)) == 50
    assert first == second
    assert os.listdir(folders[0]) == ["secret_key"]


def test_it_says_that_the_data_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"DATA_DIR cannot be used: .*secret_key"):
        env.secret_key(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://S3.Example.COM", "https://s3.example.com"),
        ("https://s3.example.com:443", "https://s3.example.com"),
        ("http://s3.example.com:80/", "http://s3.example.com"),
        ("HTTPS://s3.example.com:8443", "https://s3.example.com:8443"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_address_is_read_as_browsers_send_it(
    given: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_ENDPOINT", given)
    assert env.origin("S3_ENDPOINT") == read
