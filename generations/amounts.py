"""Amounts of credits: how they are written, and how they are added up."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Sum
from django.db.models.sql.compiler import SQLCompiler

PLACES = Decimal("0.0001")


def plain(amount: Decimal) -> str:
    """Return credits as people read them: without the zeros at the end."""
    text = f"{amount:,.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


class Total(Sum):
    """The sum of credits, exact to the last place; None where there is nothing to add up."""

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        # SQLite would add decimals up as floats, so it is given whole ten-thousandths.
        whole = self.copy()
        whole.template = "SUM(CAST(ROUND(%(expressions)s * 10000) AS INTEGER))"
        sql, params = whole.as_sql(compiler, connection, **context)
        return f"CAST({sql} / 10000.0 AS NUMERIC)", params

    @property
    def convert_value(self) -> Callable[..., Decimal | None]:
        return lambda value, expression, connection: None if value is None else value.quantize(PLACES)
