from __future__ import annotations

import errno
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts" / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("django==5.2")
    return module


def failed(output: str) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(["pip"], 1, stdout="", stderr=output)


def refusal_of_main(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "argv", ["install.py"])
    with pytest.raises(SystemExit) as stopped:
        install.main()
    assert stopped.value.code not in (0, None)
    return str(stopped.value.code)


def make_environment(install: ModuleType, root: Path) -> Path:
    folder = root / ".venv"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    (folder / "lib" / version / "site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").touch()
    install.stamp(folder, "requirements.txt").write_text(install.digest("requirements.txt"))
    return folder


def test_it_refuses_an_old_python(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert "too old. Install Python 3.11 or newer" in refusal_of_main(install, monkeypatch)


def test_it_refuses_a_python_without_venv(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "apt install python3-venv" in refusal_of_main(install, monkeypatch)


def test_it_refuses_a_folder_it_cannot_write(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    refusal = refusal_of_main(install, monkeypatch)
    assert "cannot be made: Permission denied" in refusal
    assert "writable" in refusal


def test_it_refuses_when_a_lock_file_is_missing(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_environment(install, tmp_path)
    (tmp_path / "requirements.txt").unlink()
    assert "requirements.txt is missing" in refusal_of_main(install, monkeypatch)


def test_it_names_the_package_that_has_no_wheel_here(install: ModuleType) -> None:
    sentence = install.explain(failed("ERROR: No matching distribution found for pillow==13.0.0"))
    assert sentence.startswith("There is no ready-made pillow for this machine")


def test_it_says_that_the_index_cannot_be_reached(install: ModuleType) -> None:
    output = (
        "WARNING: Retrying after connection broken by 'NewConnectionError(…)'\n"
        "ERROR: No matching distribution found for asgiref==3.13.0"
    )
    assert install.explain(failed(output)).startswith("The package index cannot be reached.")


def test_it_says_that_a_package_is_not_the_locked_one(install: ModuleType) -> None:
    output = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    assert "not the one that was locked" in install.explain(failed(output))


def test_it_says_that_the_disk_is_full(install: ModuleType) -> None:
    output = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    assert "No space left on device" in install.explain(failed(output))


def test_it_gives_pips_last_word_for_anything_else(install: ModuleType) -> None:
    assert install.explain(failed("ERROR: first\nERROR: last\n")).endswith("ERROR: last")


def test_it_does_nothing_when_the_lock_is_installed(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_environment(install, tmp_path)
    monkeypatch.setattr(subprocess, "run", None)
    install.install(folder, "requirements.txt")


def test_it_installs_again_when_the_lock_has_changed(install: ModuleType, tmp_path: Path) -> None:
    folder = make_environment(install, tmp_path)
    (tmp_path / "requirements.txt").write_text("django==5.2.1")
    assert not install.is_installed(folder, "requirements.txt")


def test_it_installs_again_when_the_environments_python_is_gone(install: ModuleType, tmp_path: Path) -> None:
    folder = make_environment(install, tmp_path)
    (folder / "bin" / "python").unlink()
    assert not install.is_installed(folder, "requirements.txt")
