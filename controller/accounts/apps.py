from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "controller.accounts"
    label = "accounts"
    verbose_name = "Người dùng"
