"""Tables as CSV, sent line by line: no more than a few lines are ever held at once."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import chain

from django.http import StreamingHttpResponse

# Spreadsheets take what begins so for a formula, after spaces too.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


MARK = "\ufeff"


class _Echo:
    """What csv writes to. It hands each line back."""

    def write(self, line: str) -> str:
        return line


def download(rows: Iterable[Sequence[str]], *, name: str, with_mark: bool) -> StreamingHttpResponse:
    """Return the table as a download. With the mark (U+FEFF) in front, Excel takes it for UTF-8."""
    writer = csv.writer(_Echo())
    return StreamingHttpResponse(
        chain([MARK] if with_mark else [], (writer.writerow(row) for row in rows)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


def harmless(text: str) -> str:
    """Return text for a cell of a spreadsheet, which must not be taken for a formula."""
    is_formula = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if is_formula else text
