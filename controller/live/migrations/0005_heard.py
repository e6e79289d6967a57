from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('live', '0004_from_a_box'),
    ]

    operations = [
        migrations.AddField(
            model_name='speech',
            name='heard_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='speech',
            name='spoke_at',
            field=models.DateTimeField(null=True),
        ),
    ]
