from django.apps import AppConfig


class BoxesConfig(AppConfig):
    name = "controller.boxes"
    label = "boxes"
    verbose_name = "Hộp thiết bị"
