"""Paths below /truc-tiep/."""

from django.urls import path

from controller.live import views

app_name = "live"
urlpatterns = [
    path("", views.new, name="new"),
    path("hop/", views.boxes, name="boxes"),
    path("<order_id:identity>/", views.session, name="session"),
    path("<order_id:identity>/ky/", views.sign, name="sign"),
    path("<order_id:identity>/dung/", views.end, name="end"),
]
