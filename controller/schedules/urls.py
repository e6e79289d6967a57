from django.urls import path

from controller.schedules import views

app_name = "schedules"
urlpatterns = [
    path("", views.index, name="list"),
    path("moi/", views.new, name="new"),
    path("dem/", views.count, name="count"),
    path("quy-dinh/", views.regulations, name="regulations"),
    path("<int:number>/", views.schedule, name="schedule"),
    path("<int:number>/rut/", views.withdraw, name="withdraw"),
    path("hop/<str:box>/", views.preview, name="preview"),
]
