from collections import Counter

from django.conf import settings
from django.db import migrations

INDEX = "auth_user_name_without_case"


def refuse_twins(apps, schema_editor):
    names = apps.get_model("auth", "User").objects.values_list("username", flat=True)
    known = Counter(name.upper() for name in names)
    twins = sorted(name for name in names if known[name.upper()] > 1)
    if twins:
        raise SystemExit(
            f"These people's names differ only by small and capital letters: {', '.join(twins)}. "
            "Neither of them can log in. Rename all but one with the version before, then migrate again."
        )


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunPython(refuse_twins, migrations.RunPython.noop),
        # SQLite's UPPER knows the letters of ASCII only; PostgreSQL's knows all.
        migrations.RunSQL(
            f"CREATE UNIQUE INDEX {INDEX} ON auth_user (UPPER(username))", f"DROP INDEX {INDEX}"
        ),
    ]
