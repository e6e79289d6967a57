from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def fill(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """The nearest that is known of the bulletins that are there."""
    apps.get_model("library", "Bulletin").objects.update(edited_at=F("changed"))


class Migration(migrations.Migration):
    dependencies = [("library", "0001_initial")]

    operations = [
        migrations.AddField("bulletin", "edited_at", models.DateTimeField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("bulletin", "edited_at", models.DateTimeField()),
    ]
