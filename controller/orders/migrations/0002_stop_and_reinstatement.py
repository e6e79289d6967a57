from django.db import migrations, models
from django.db.models import Case, Value, When

EMERGENCY, CANCEL_ROLE, CANCEL = 1, 2, 2


def sign_as(apps, schema_editor):
    """Orders of the older format name no role; those that wait for signatures can be read by no box any more."""
    orders = apps.get_model("orders", "EmergencyOrder").objects
    orders.update(role=Case(When(type=CANCEL, then=Value(CANCEL_ROLE)), default=Value(EMERGENCY)))
    orders.filter(state="waiting").update(state="dropped")


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RenameField("emergencyorder", "cancels", "ends"),
        migrations.AlterField(
            "emergencyorder",
            "ends",
            models.ForeignKey(
                null=True, on_delete=models.deletion.PROTECT, related_name="ended_by", to="orders.emergencyorder"
            ),
        ),
        migrations.AddField(
            "emergencyorder", "role", models.PositiveSmallIntegerField(default=EMERGENCY), preserve_default=False
        ),
        migrations.AddField("emergencyorder", "until", models.DateTimeField(null=True)),
        migrations.AlterField("emergencyorder", "first_signer", models.BinaryField(max_length=33)),
        migrations.AlterField(
            "emergencyorder",
            "state",
            models.CharField(
                choices=[
                    ("waiting", "chờ ký"),
                    ("sent", "đã phát lệnh"),
                    ("cancelled", "đã hủy"),
                    ("lifted", "đã khôi phục"),
                    ("dropped", "đã bỏ"),
                ],
                db_index=True,
                default="waiting",
                max_length=12,
            ),
        ),
        migrations.AlterField("ordersignature", "public_key", models.BinaryField(max_length=33)),
        migrations.AddField("ordersignature", "alg", models.IntegerField(default=-8)),
        migrations.AddField("ordersignature", "authenticator_data", models.BinaryField(max_length=37, null=True)),
        migrations.AddField("ordersignature", "client_data", models.BinaryField(max_length=400, null=True)),
        migrations.RunPython(sign_as, migrations.RunPython.noop),
    ]
