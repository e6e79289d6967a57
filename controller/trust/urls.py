from django.urls import path

from controller.trust import lost, views

app_name = "trust"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("mat-khoa/<int:number>/", lost.report, name="lost"),
    path("mat-khoa/<int:number>/rut-lai/", lost.take_back, name="take_back"),
    path("<str:code>/", views.unit, name="unit"),
    path("<str:code>/ky/", views.sign, name="sign"),
    path("<str:code>/bo/", views.drop, name="drop"),
]
