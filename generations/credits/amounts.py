"""Amounts of credits: how they are written, and how they are added up."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet, Sum
from django.db.models.sql.compiler import SQLCompiler

PLACES = Decimal("0.0001")
_AMOUNT = re.compile(r"[0-9]{1,11}(\.[0-9]{1,4})?")


def plain(amount: Decimal) -> str:
    """Return credits as people read them: without the zeros at the end."""
    text = f"{amount:,.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


def find_amount(text: str) -> Decimal | None:
    """Return the credits that a form has sent; None where it has sent none."""
    # Not all that Decimal takes: written out, 1e999999999 has a billion places.
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


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


def sum_of(entries: QuerySet[Any]) -> Decimal:
    """Return what entries come to together."""
    total: Decimal | None = entries.order_by().aggregate(total=Total("amount"))["total"]
    return total or Decimal()
