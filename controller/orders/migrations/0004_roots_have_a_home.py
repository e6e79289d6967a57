"""The roots belong to the app `trust`; their table stays."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_strangers"), ("trust", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="RootsFile")]),
    ]
