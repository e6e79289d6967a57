from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    name = "controller.schedules"
    label = "schedules"
    verbose_name = "Lịch phát"

    def ready(self) -> None:
        from controller.schedules import watching

        watching.begin()
