from django.urls import path

from controller.trust import views

app_name = "trust"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<str:code>/", views.unit, name="unit"),
    path("<str:code>/ky/", views.sign, name="sign"),
    path("<str:code>/bo/", views.drop, name="drop"),
]
