from __future__ import annotations

import itertools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Read outside settings.py: where the web server listens, and which Redis `make run` starts.
ELSEWHERE = {"HOST", "REDIS_SERVER_BIN"}


def test_it_names_what_settings_read_and_nothing_else() -> None:
    read = re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "fluxsite" / "settings.py").read_text())
    named = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted({*read, "SECRET_KEY", *ELSEWHERE})


def test_each_variable_has_a_line_of_its_own_that_gives_the_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"#?[A-Z_]+=", line):
            assert before.startswith("# ")
            assert "Default" in before
