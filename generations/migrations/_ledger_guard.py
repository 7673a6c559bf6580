"""What the database itself sees to: entries are only ever added, each carries the balance on, a refund gives
back what that picture's charge took, and no more is taken from a grant than it gave, on its own account.

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
    BEGIN
        SELECT RAISE(ABORT, 'an entry of the ledger must add up')
        WHERE EXISTS (SELECT 1 FROM generations_creditentry WHERE id = NEW.id)
            OR ROUND(NEW.balance_after * 10000) IS NOT ROUND(NEW.amount * 10000) + COALESCE(
                (SELECT ROUND(balance_after * 10000) FROM generations_creditentry
                 WHERE account_id = NEW.account_id ORDER BY id DESC LIMIT 1), 0);
        SELECT RAISE(ABORT, 'a refund must give back what was charged')
        WHERE NEW.kind = 'refund' AND NOT EXISTS (
            SELECT 1 FROM generations_creditentry
            WHERE generation_id = NEW.generation_id AND account_id = NEW.account_id AND kind = 'charge'
                AND ROUND(amount * 10000) = -ROUND(NEW.amount * 10000));
        SELECT RAISE(ABORT, 'no more is taken from a grant than it gave')
        WHERE NEW.counters_id IS NOT NULL AND COALESCE(ROUND(NEW.amount * 10000) + (
            SELECT ROUND(amount * 10000) FROM generations_creditentry
            WHERE id = NEW.counters_id AND account_id = NEW.account_id AND kind = 'grant'
        ) + (
            SELECT COALESCE(SUM(ROUND(amount * 10000)), 0) FROM generations_creditentry
            WHERE counters_id = NEW.counters_id
        ), -1) < 0;
    END
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
    DECLARE before numeric; given numeric; taken numeric;
    BEGIN
        PERFORM 1 FROM generations_creditaccount WHERE id = NEW.account_id FOR NO KEY UPDATE;
        SELECT balance_after INTO before FROM generations_creditentry
            WHERE account_id = NEW.account_id ORDER BY id DESC LIMIT 1;
        IF NEW.balance_after IS DISTINCT FROM COALESCE(before, 0) + NEW.amount THEN
            RAISE EXCEPTION 'an entry of the ledger must add up'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.kind = 'refund' AND NOT EXISTS (
            SELECT 1 FROM generations_creditentry WHERE generation_id = NEW.generation_id
                AND account_id = NEW.account_id AND kind = 'charge' AND amount = -NEW.amount
        ) THEN
            RAISE EXCEPTION 'a refund must give back what was charged'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.counters_id IS NOT NULL THEN
            SELECT amount INTO given FROM generations_creditentry
                WHERE id = NEW.counters_id AND account_id = NEW.account_id AND kind = 'grant';
            SELECT COALESCE(SUM(amount), 0) INTO taken FROM generations_creditentry
                WHERE counters_id = NEW.counters_id;
            IF COALESCE(given + taken + NEW.amount, -1) < 0 THEN
                RAISE EXCEPTION 'no more is taken from a grant than it gave'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
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
