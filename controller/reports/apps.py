from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "controller.reports"
    label = "reports"
    verbose_name = "Nhật ký phát"
