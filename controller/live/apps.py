from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "controller.live"
    label = "live"
    verbose_name = "Phát trực tiếp"
