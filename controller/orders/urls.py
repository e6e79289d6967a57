"""Paths below /khan-cap/."""

from django.urls import path, register_converter

from controller.orders import views


class OrderIdHex:
    """16 bytes in hex, lower case."""

    regex = "[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(OrderIdHex, "order_id")

app_name = "orders"
urlpatterns = [
    path("", views.order_list, name="list"),
    path("moi/", views.new, name="new"),
    path("<order_id:identity>/", views.order, name="order"),
    path("<order_id:identity>/yeu-cau/", views.request_file, name="request"),
    path("<order_id:identity>/ky/", views.sign, name="sign"),
    path("<order_id:identity>/huy/", views.cancel, name="cancel"),
    path("<order_id:identity>/bo/", views.drop, name="drop"),
]
