from django.urls import URLPattern

app_name = "boxes"
urlpatterns: list[URLPattern] = []
