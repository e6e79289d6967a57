"""Paths below /nhat-ky/."""

from django.urls import path

from controller.reports import views

app_name = "reports"
urlpatterns = [
    path("", views.log, name="log"),
    path("csv/", views.log_csv, name="csv"),
]
