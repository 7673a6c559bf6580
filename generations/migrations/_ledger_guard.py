"""What the database itself sees to: entries are only ever added, and each carries the balance on.

SQLite forgets the triggers of a table when a migration alters the table: such a migration ends with
RunPython(install, remove).
"""

from __future__ import annotations

from typing import Any

SQLITE = [
    """
    CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON generations_creditentry
    BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never changed'); END
    """,
    """
    CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON generations_creditentry
    BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never deleted'); END
    """,
    # INSERT OR REPLACE deletes without asking the trigger above. Decimals are floats here: see amounts.Total.
    """
    CREATE TRIGGER entry_adds_up BEFORE INSERT ON generations_creditentry
    WHEN EXISTS (SELECT 1 FROM generations_creditentry WHERE id = NEW.id)
        OR ROUND(NEW.balance_after * 10000) IS NOT ROUND(NEW.amount * 10000) + COALESCE(
            (SELECT ROUND(balance_after * 10000) FROM generations_creditentry
             WHERE account_id = NEW.account_id ORDER BY id DESC LIMIT 1), 0)
    BEGIN SELECT RAISE(ABORT, 'an entry of the ledger must add up'); END
    """,
]
POSTGRESQL = [
    """
    CREATE FUNCTION generations_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'an entry of the ledger is never changed or deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER entry_is_never_changed BEFORE UPDATE OR DELETE ON generations_creditentry
    FOR EACH ROW EXECUTE FUNCTION generations_refuse()
    """,
    # Whoever adds an entry has the lock of its account from here, with or without our code.
    """
    CREATE FUNCTION generations_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE before numeric;
    BEGIN
        PERFORM 1 FROM generations_creditaccount WHERE id = NEW.account_id FOR NO KEY UPDATE;
        SELECT balance_after INTO before FROM generations_creditentry
            WHERE account_id = NEW.account_id ORDER BY id DESC LIMIT 1;
        IF NEW.balance_after IS DISTINCT FROM COALESCE(before, 0) + NEW.amount THEN
            RAISE EXCEPTION 'an entry of the ledger must add up'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER entry_adds_up BEFORE INSERT ON generations_creditentry
    FOR EACH ROW EXECUTE FUNCTION generations_add_up()
    """,
]
REMOVE_POSTGRESQL = [
    "DROP TRIGGER IF EXISTS entry_is_never_changed ON generations_creditentry",
    "DROP TRIGGER IF EXISTS entry_adds_up ON generations_creditentry",
    "DROP FUNCTION IF EXISTS generations_refuse",
    "DROP FUNCTION IF EXISTS generations_add_up",
]
REMOVE_SQLITE = [
    "DROP TRIGGER IF EXISTS entry_is_never_changed",
    "DROP TRIGGER IF EXISTS entry_is_never_deleted",
    "DROP TRIGGER IF EXISTS entry_adds_up",
]


def install(apps: Any, schema_editor: Any) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def remove(apps: Any, schema_editor: Any) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in REMOVE_POSTGRESQL if is_postgresql else REMOVE_SQLITE:
        schema_editor.execute(statement)
