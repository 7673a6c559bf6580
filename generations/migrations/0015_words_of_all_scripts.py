from django.db import migrations

from generations.gallery.normalization import indexed, tag_key

BATCH = 1000


def fill_words(apps, schema_editor):
    """Index every prompt anew. Only rows that change are written, so a second run goes on where one stopped."""
    Picture = apps.get_model("generations", "Picture")
    last = 0
    while batch := list(
        Picture.objects.filter(pk__gt=last).select_related("generation").order_by("pk")[:BATCH]
    ):
        last = batch[-1].pk
        changed = []
        for picture in batch:
            words = indexed(picture.user_id, str(picture.generation.params.get("prompt", "")))
            if words != picture.words:
                picture.words = words
                changed.append(picture)
        Picture.objects.bulk_update(changed, ["words"], batch_size=200)


def join_twins(apps, schema_editor):
    """Tags that differ by what nobody sees become one."""
    Tag = apps.get_model("generations", "Tag")
    PictureTag = apps.get_model("generations", "PictureTag")
    for tag in Tag.objects.order_by("pk").iterator():
        key = tag_key(tag.name).strip()
        if key == tag.key or not key:
            continue
        twin = Tag.objects.filter(user_id=tag.user_id, key=key).first()
        if twin is None:
            Tag.objects.filter(pk=tag.pk).update(key=key)
            continue
        has = PictureTag.objects.filter(tag=twin).values("picture_id")
        PictureTag.objects.filter(tag=tag).exclude(picture_id__in=list(has.values_list("picture_id", flat=True))).update(tag=twin)
        tag.delete()


class Migration(migrations.Migration):
    # In batches of their own: a large site is not locked for the whole time.
    atomic = False

    dependencies = [("generations", "0014_largest_rendition")]

    operations = [
        migrations.RunPython(fill_words, migrations.RunPython.noop),
        migrations.RunPython(join_twins, migrations.RunPython.noop),
    ]
