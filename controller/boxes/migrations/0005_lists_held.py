from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('boxes', '0004_place_in_order'),
    ]

    operations = [
        migrations.AddField(
            model_name='boxstate',
            name='delegations',
            field=models.JSONField(default=dict),
        ),
    ]
