from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from fluxsite.ops import static_files
from fluxsite.storage import join_modules


@pytest.fixture
def collected(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    settings.DATA_DIR, settings.STATIC_ROOT = tmp_path, tmp_path / "static"
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "site.css").write_text("a {}")
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    calls: list[str] = []

    def collect(name: str, **options: object) -> None:
        settings.STATIC_ROOT.mkdir(exist_ok=True)
        calls.append(name)

    monkeypatch.setattr(static_files, "call_command", collect)
    static_files.collect_if_changed()
    return calls


def test_the_second_start_collects_nothing(collected: list[str]) -> None:
    static_files.collect_if_changed()
    assert collected == ["collectstatic"]


def test_a_changed_file_is_collected(collected: list[str], tmp_path: Path) -> None:
    (tmp_path / "source" / "site.css").write_text("b { color: red }")
    static_files.collect_if_changed()
    assert len(collected) == 2


def test_a_removed_folder_is_made_again(collected: list[str], settings: Settings) -> None:
    settings.STATIC_ROOT.rmdir()
    static_files.collect_if_changed()
    assert len(collected) == 2


def test_the_main_script_brings_what_it_runs(tmp_path: Path) -> None:
    site, studio = tmp_path / "site", tmp_path / "studio"
    site.mkdir()
    studio.mkdir()
    (site / "main.js").write_text('import "./menu.js";\nimport "../studio/form.js";\nimport "./keys.js";\n')
    (site / "menu.js").write_text("const menu = 1;\n")
    (studio / "form.js").write_text("const form = 1;\n")
    (site / "keys.js").write_text('import { menu } from "./names.js";\n')
    joined = '{\nconst menu = 1;\n}\n{\nconst form = 1;\n}\nimport "./keys.js";\n'
    assert join_modules(site / "main.js") == joined
