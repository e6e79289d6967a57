from django.apps import AppConfig


class PkiConfig(AppConfig):
    name = "controller.pki"
    label = "pki"
