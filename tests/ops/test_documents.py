"""What is written down in two places, compared."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
SOURCES = [path for folder in ("fluxsite", "generations") for path in (ROOT / folder).rglob("*.py")]
LOCKS = sorted(ROOT.glob("requirements*.txt"))
READ = re.compile(r"""\b(?:text|flag|whole|words|origin|zone|database|environ\.get)\(\s*"([A-Z][A-Z_]+)\"""")
EXAMPLE = re.compile(r"^#?([A-Z][A-Z_]+)=", re.MULTILINE)
QUOTED = re.compile(r'"([^"]+)"')
# What stands for something else each time: a name, a time, a number.
CHANGING = re.compile(r"…|: |\d\d:\d\d|\d+ times|\d+ s\b")
HEADED = re.compile(r"^(?:#+|\|)\s*`([A-Z][A-Z_]+)`", re.MULTILINE)


def read_by_the_site() -> set[str]:
    return {name for path in SOURCES for name in READ.findall(path.read_text())}


def test_it_reads_the_variables_that_the_example_names() -> None:
    names = EXAMPLE.findall((ROOT / ".env.example").read_text())
    assert set(names) == read_by_the_site()
    assert len(names) == len(set(names))


def test_it_reads_the_variables_that_the_documents_name() -> None:
    names = HEADED.findall((ROOT / "docs" / "configuration.md").read_text())
    assert set(names) == read_by_the_site()
    assert len(names) == len(set(names))


def test_operations_quotes_what_people_read() -> None:
    said = _words_of_the_site()
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    quoted = [quote for line in lines if line.startswith("| ") for quote in QUOTED.findall(line)]
    assert len(quoted) > 8
    missing = [quote for quote in quoted if not all(part.strip() in said for part in CHANGING.split(quote))]
    assert missing == []


def _words_of_the_site() -> str:
    """Return all strings of the code and all text of the templates, each in one line."""
    strings = [
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    pages = [path.read_text() for path in (ROOT / "templates").rglob("*.html")]
    return " ".join(" ".join(strings + pages).split())


def test_it_reads_single_variables_in_one_module_only() -> None:
    # Else the variable has no NAME_FILE, which the documents promise for every one.
    pattern = re.compile(r"os\.(?:getenv\(|environ(?:\.get\(|\[))\s*f?\"")
    found = [path.relative_to(ROOT) for path in SOURCES if pattern.search(path.read_text())]
    assert found == [Path("fluxsite/env.py")]


def test_it_needs_nothing_in_the_environment() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") for line in lines if line)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_it_locks_packages_without_saying_from_where(lock: Path) -> None:
    content = lock.read_text()
    assert "://" not in content
    assert not re.search(r"find-links|index-url|trusted-host|^-e|^\.|^/", content, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_it_locks_every_package_with_its_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE)
    pinned = [entry for entry in entries if "==" in entry]
    assert len(pinned) > 3
    assert all("--hash=sha256:" in entry for entry in pinned)


def test_it_locks_the_site_within_the_development_packages() -> None:
    site, development = (
        set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert site <= development
