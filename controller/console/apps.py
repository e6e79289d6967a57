from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "controller.console"
    label = "console"
    verbose_name = "Trang chung"
