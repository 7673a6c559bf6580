from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import migrations, models
from django.utils import timezone

from generations.migrations import _ledger_guard


def date_entries(apps: Any, schema_editor: Any) -> None:
    """Give each entry the day that its moment has on the site's clocks now."""
    zone = timezone.get_default_timezone()
    entries = apps.get_model("generations", "CreditEntry").objects.using(schema_editor.connection.alias)
    found = entries.aggregate(first=models.Min("bought_at"), last=models.Max("bought_at"))
    if found["first"] is None:
        return

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time.min, zone)

    day = found["first"].astimezone(zone).date()
    while midnight(day) <= found["last"]:
        after = day + timedelta(days=1)
        entries.filter(bought_at__gte=midnight(day), bought_at__lt=midnight(after)).update(bought_on=day)
        day = after


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0010_exact_expiry'),
    ]

    operations = [
        # Nothing may be changed while the guard stands; SQLite forgets it besides.
        migrations.RunPython(_ledger_guard.remove, _ledger_guard.install),
        migrations.AddField(
            model_name='creditentry',
            name='bought_on',
            field=models.DateField(blank=True, help_text="The site's local day of that, for which all of it counts.", null=True),
        ),
        migrations.RunPython(date_entries, migrations.RunPython.noop),
        migrations.RemoveConstraint(
            model_name='creditentry',
            name='entry_bought_with_its_generation',
        ),
        migrations.RemoveIndex(
            model_name='creditentry',
            name='entry_spent_by_account',
        ),
        migrations.RemoveIndex(
            model_name='creditentry',
            name='entry_spent',
        ),
        migrations.AlterField(
            model_name='creditentry',
            name='bought_at',
            field=models.DateTimeField(blank=True, help_text='When the generation was bought.', null=True),
        ),
        migrations.AddIndex(
            model_name='creditentry',
            index=models.Index(fields=['account', 'bought_on', 'endpoint', 'kind', 'amount'], name='entry_by_account_and_day'),
        ),
        migrations.AddIndex(
            model_name='creditentry',
            index=models.Index(fields=['bought_on', 'account', 'endpoint', 'kind', 'amount'], name='entry_by_day'),
        ),
        migrations.AddConstraint(
            model_name='creditentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('bought_at__isnull', True), ('bought_on__isnull', True), ('endpoint', ''), ('generation__isnull', True)), models.Q(('bought_at__isnull', False), ('bought_on__isnull', False), ('generation__isnull', False), models.Q(('endpoint', ''), _negated=True)), _connector='OR'), name='entry_bought_with_its_generation'),
        ),
        migrations.RunPython(_ledger_guard.install, _ledger_guard.remove),
    ]
