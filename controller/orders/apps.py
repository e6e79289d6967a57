from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "controller.orders"
    label = "orders"
    verbose_name = "Khẩn cấp"
