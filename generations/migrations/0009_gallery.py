import math

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from generations.gallery.normalization import (indexed)
from generations.migrations import _word_index

RATIOS = ("1:1", "5:4", "4:3", "3:2", "16:9", "21:9", "4:5", "3:4", "2:3", "9:16", "9:21")


def hang_all(apps, schema_editor):
    """Every image that there is hangs on its owner's wall."""
    Picture = apps.get_model("generations", "Picture")
    images = apps.get_model("generations", "GeneratedImage").objects.select_related("generation")
    waiting = []
    for image in images.order_by("pk").iterator(chunk_size=1000):
        waiting.append(picture_of(Picture, image.generation, image))
        if len(waiting) == 1000:
            Picture.objects.bulk_create(waiting)
            waiting.clear()
    Picture.objects.bulk_create(waiting)


def picture_of(Picture, generation, image):
    return Picture(
        generation_id=generation.pk,
        user_id=generation.user_id,
        created_at=generation.created_at,
        endpoint=generation.endpoint,
        format=image.format,
        ratio=min(RATIOS, key=lambda ratio: distance(ratio, image)),
        width=image.width,
        height=image.height,
        seed=generation.seed,
        words=indexed(generation.user_id, str(generation.params.get("prompt", ""))),
    )


def distance(ratio, image):
    left, right = ratio.split(":")
    return abs(math.log(image.width / image.height * int(right) / int(left)))


class Migration(migrations.Migration):

    dependencies = [
        ('generations', '0008_studio'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Picture',
            fields=[
                ('generation', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='picture', serialize=False, to='generations.generation')),
                ('created_at', models.DateTimeField(help_text='When it was asked for.')),
                ('endpoint', models.CharField(max_length=64)),
                ('format', models.CharField(help_text='As in the image.', max_length=8)),
                ('ratio', models.CharField(help_text='The nearest of the usual ones, as 16:9.', max_length=8)),
                ('width', models.PositiveIntegerField(help_text='Pixels.')),
                ('height', models.PositiveIntegerField(help_text='Pixels.')),
                ('seed', models.BigIntegerField(blank=True, null=True)),
                ('is_favourite', models.BooleanField(default=False)),
                ('trashed_at', models.DateTimeField(blank=True, null=True)),
                ('remove_at', models.DateTimeField(blank=True, help_text='When the sweep may remove it from the trash for good.', null=True)),
                ('words', models.TextField(blank=True, help_text="The prompt's words as the search compares them, each with its owner before it.")),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pictures', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=50)),
                ('key', models.CharField(help_text='The name as it is compared: case folded.', max_length=150)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tags', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='PictureTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tag_uses', to='generations.picture')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='generations.tag')),
            ],
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('favourite', 'Favourite'), ('unfavourite', 'Not a favourite'), ('tag', 'Tag'), ('untag', 'Take the tag off'), ('trash', 'Put in the trash'), ('restore', 'Restore')], max_length=16)),
                ('pictures', models.JSONField(help_text='Ids of those that it changed, and of no others.')),
                ('created_at', models.DateTimeField()),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to=settings.AUTH_USER_MODEL)),
                ('tag', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='generations.tag')),
            ],
        ),
        migrations.AddIndex(
            model_name='picture',
            index=models.Index(condition=models.Q(('trashed_at__isnull', True)), fields=['user', '-created_at', '-generation', 'endpoint', 'ratio', 'format', 'is_favourite', 'width', 'height', 'seed'], name='picture_on_wall'),
        ),
        migrations.AddIndex(
            model_name='picture',
            index=models.Index(condition=models.Q(('is_favourite', True), ('trashed_at__isnull', True)), fields=['user', '-created_at', '-generation'], name='picture_favourite'),
        ),
        migrations.AddIndex(
            model_name='picture',
            index=models.Index(condition=models.Q(('trashed_at__isnull', False)), fields=['user', '-created_at', '-generation'], name='picture_in_trash'),
        ),
        migrations.AddIndex(
            model_name='picture',
            index=models.Index(condition=models.Q(('remove_at__isnull', False)), fields=['remove_at'], name='picture_to_remove'),
        ),
        migrations.AddIndex(
            model_name='picture',
            index=models.Index(fields=['user', 'seed'], name='picture_seed'),
        ),
        migrations.AddConstraint(
            model_name='picture',
            constraint=models.CheckConstraint(condition=models.Q(('height__gt', 0), ('width__gt', 0)), name='picture_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='picture',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('remove_at__isnull', True), ('trashed_at__isnull', True)), models.Q(('remove_at__isnull', False), ('trashed_at__isnull', False)), _connector='OR'), name='picture_remove_at_when_trashed'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(fields=('user', 'key'), name='tag_once_per_person'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('key', ''), _negated=True)), name='tag_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='picturetag',
            constraint=models.UniqueConstraint(fields=('tag', 'picture'), name='tag_once_per_picture'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['user', '-id'], name='change_of_user'),
        ),
        migrations.AddConstraint(
            model_name='change',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['favourite', 'unfavourite', 'tag', 'untag', 'trash', 'restore'])), name='change_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='change',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['tag', 'untag']), ('tag__isnull', False)), models.Q(models.Q(('kind__in', ['tag', 'untag']), _negated=True), ('tag__isnull', True)), _connector='OR'), name='change_tag_when_about_tags'),
        ),
        # Before the rows: PostgreSQL alters no table with rows of the same transaction.
        migrations.RunPython(_word_index.install, _word_index.remove),
        migrations.RunPython(hang_all, migrations.RunPython.noop),
    ]
