import hashlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F


def count_as_seen(apps, schema_editor):
    """What ended before there was anything to look at in the studio is not put in sight again."""
    finished = apps.get_model("generations", "Generation").objects.filter(finished_at__isnull=False)
    finished.update(seen_at=F("finished_at"))


def fill_past_prompts(apps, schema_editor):
    rows = apps.get_model("generations", "Generation").objects.order_by("user_id", "pk")
    PastPrompt = apps.get_model("generations", "PastPrompt")
    found = {}
    for user_id, params, created_at in rows.values_list("user_id", "params", "created_at").iterator():
        if text := params.get("prompt"):
            digest = hashlib.sha256(text.encode()).hexdigest()
            found[user_id, digest] = PastPrompt(
                user_id=user_id, digest=digest, text=text, used_at=created_at
            )
    PastPrompt.objects.bulk_create(found.values(), batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0007_unfinished_of_a_person'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('form', models.JSONField(default=dict, help_text='Names and values as they were typed, checked by nothing.')),
                ('before', models.JSONField(blank=True, default=dict, help_text='What undo brings back; empty when nothing was replaced.')),
                ('updated_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='PastPrompt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(help_text='SHA-256 of the text, which is too long for an index.', max_length=64)),
                ('text', models.TextField()),
                ('used_at', models.DateTimeField(help_text='When it was last used.')),
            ],
        ),
        migrations.AddField(
            model_name='generation',
            name='seen_at',
            field=models.DateTimeField(blank=True, help_text='When its owner looked at how it ended; until then it stays in sight.', null=True),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('seen_at__isnull', True)), fields=['user', 'seen_at', '-id'], name='generation_unseen_of_user'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('status', 'succeeded')), fields=['endpoint', '-id'], name='generation_of_endpoint'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.CheckConstraint(condition=models.Q(('seen_at__isnull', True), ('finished_at__isnull', False), _connector='OR'), name='generation_seen_when_finished'),
        ),
        migrations.AddField(
            model_name='draft',
            name='user',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='draft', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='pastprompt',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='past_prompts', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='pastprompt',
            index=models.Index(fields=['user', '-used_at', '-id'], name='past_prompt_of_user'),
        ),
        migrations.AddConstraint(
            model_name='pastprompt',
            constraint=models.UniqueConstraint(fields=('user', 'digest'), name='past_prompt_once'),
        ),
        migrations.RunPython(count_as_seen, migrations.RunPython.noop),
        migrations.RunPython(fill_past_prompts, migrations.RunPython.noop),
    ]
