from django.urls import path

from controller.console import views

app_name = "console"
urlpatterns = [
    path("", views.home, name="home"),
    path("ngon-ngu/", views.language, name="language"),
]
