"""A reinstatement takes back every stop and cancel that its bytes name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_roots_have_a_home")]

    operations = [
        migrations.AddField(
            model_name="emergencyorder",
            name="also_ends",
            field=models.ManyToManyField(related_name="also_ended_by", to="orders.emergencyorder"),
        ),
    ]
