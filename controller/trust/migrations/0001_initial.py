"""The roots were the orders' before: their table stays where it is, and its rows with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="RootsFile",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("version", models.PositiveBigIntegerField(unique=True)),
                        ("data", models.BinaryField()),
                        ("root_keys", models.JSONField(default=list)),
                        ("issued", models.DateTimeField()),
                        ("expires", models.DateTimeField()),
                        ("imported", models.DateTimeField()),
                    ],
                    options={"ordering": ["-version"], "db_table": "orders_rootsfile"},
                )
            ],
        )
    ]
