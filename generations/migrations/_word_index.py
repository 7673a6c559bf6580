"""The index of words that the search reads; the database itself keeps it in step with `Picture.words`.

SQLite forgets the triggers of a table when a migration alters the table: one that alters `Picture` ends with
RunPython(install, remove), as with the ledger's.
"""

from __future__ import annotations

from typing import Any

# Words are folded and set apart by spaces before they come here, and an underscore joins owner and word.
SQLITE = [
    """
    CREATE VIRTUAL TABLE generations_picture_words USING fts5(
        words, content='generations_picture', content_rowid='generation_id', detail=none,
        tokenize="ascii tokenchars '_'"
    )
    """,
    "CREATE VIRTUAL TABLE generations_picture_vocabulary USING fts5vocab(generations_picture_words, 'row')",
    "INSERT INTO generations_picture_words(generations_picture_words) VALUES ('rebuild')",
    """
    CREATE TRIGGER picture_is_indexed AFTER INSERT ON generations_picture
    BEGIN
        INSERT INTO generations_picture_words(rowid, words) VALUES (NEW.generation_id, NEW.words);
    END
    """,
    """
    CREATE TRIGGER picture_is_unindexed AFTER DELETE ON generations_picture
    BEGIN
        INSERT INTO generations_picture_words(generations_picture_words, rowid, words)
            VALUES ('delete', OLD.generation_id, OLD.words);
    END
    """,
    """
    CREATE TRIGGER picture_is_reindexed AFTER UPDATE OF words ON generations_picture
    BEGIN
        INSERT INTO generations_picture_words(generations_picture_words, rowid, words)
            VALUES ('delete', OLD.generation_id, OLD.words);
        INSERT INTO generations_picture_words(rowid, words) VALUES (NEW.generation_id, NEW.words);
    END
    """,
]
REMOVE_SQLITE = [
    "DROP TRIGGER IF EXISTS picture_is_indexed",
    "DROP TRIGGER IF EXISTS picture_is_unindexed",
    "DROP TRIGGER IF EXISTS picture_is_reindexed",
    "DROP TABLE IF EXISTS generations_picture_vocabulary",
    "DROP TABLE IF EXISTS generations_picture_words",
]
POSTGRESQL = [
    """
    ALTER TABLE generations_picture ADD COLUMN vector tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
    """,
    "CREATE INDEX picture_vector ON generations_picture USING gin (vector)",
]
REMOVE_POSTGRESQL = ["ALTER TABLE generations_picture DROP COLUMN vector"]


def install(apps: Any, schema_editor: Any) -> None:
    _run(schema_editor, {"sqlite": SQLITE, "postgresql": POSTGRESQL})


def remove(apps: Any, schema_editor: Any) -> None:
    _run(schema_editor, {"sqlite": REMOVE_SQLITE, "postgresql": REMOVE_POSTGRESQL})


def _run(schema_editor: Any, statements: dict[str, list[str]]) -> None:
    for statement in statements[schema_editor.connection.vendor]:
        schema_editor.execute(statement)
