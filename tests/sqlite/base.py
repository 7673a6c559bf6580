"""SQLite as the site has it, except that tests may empty the ledger when they have ended.

Django's flush of PostgreSQL is a TRUNCATE, which triggers for rows do not see; that of SQLite is a DELETE.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import base, operations

from generations.migrations._ledger_guard import REMOVE_SQLITE, SQLITE


class DatabaseOperations(operations.DatabaseOperations):
    def sql_flush(self, style: Any, tables: Any, **options: Any) -> list[str]:
        return [*REMOVE_SQLITE, *super().sql_flush(style, tables, **options), *SQLITE]


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
