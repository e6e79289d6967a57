from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "controller.library"
    label = "library"
    verbose_name = "Bản tin"
