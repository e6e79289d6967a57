from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "controller.jobs"
    label = "jobs"
    verbose_name = "Việc nền"
