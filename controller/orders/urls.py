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
    path("tin/", views.strip, name="strip"),
    path("moi/", views.new, name="new"),
    path("xa/", views.warn, name="warn"),
    path("dung/", views.stop, name="stop"),
    path("<order_id:identity>/", views.order, name="order"),
    path("<order_id:identity>/bang-tin/", views.board, name="board"),
    path("<order_id:identity>/nghe/", views.voice, name="voice"),
    path("<order_id:identity>/ky/", views.sign, name="sign"),
    path("<order_id:identity>/huy/", views.cancel, name="cancel"),
    path("<order_id:identity>/khoi-phuc/", views.reinstate, name="reinstate"),
    path("<order_id:identity>/soan-lai/", views.again, name="again"),
    path("<order_id:identity>/bo/", views.drop, name="drop"),
]
