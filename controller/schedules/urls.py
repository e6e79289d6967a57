from django.urls import path

from controller.schedules import exceptions, relayed, views, weather

app_name = "schedules"
urlpatterns = [
    path("", views.index, name="list"),
    path("moi/", views.new, name="new"),
    path("dem/", views.count, name="count"),
    path("quy-dinh/", views.regulations, name="regulations"),
    path("ngoai-gio/moi/", exceptions.new, name="exception-new"),
    path("ngoai-gio/<int:number>/", exceptions.show, name="exception"),
    path("ngoai-gio/<int:number>/ky/", exceptions.sign, name="exception-sign"),
    path("ngoai-gio/<int:number>/bo/", exceptions.drop, name="exception-drop"),
    path("thoi-tiet/", weather.index, name="lines"),
    path("thoi-tiet/<int:number>/", weather.show, name="line"),
    path("thoi-tiet/<int:number>/bang-tin/", weather.board, name="line-board"),
    path("thoi-tiet/<int:number>/ky/", weather.sign, name="line-sign"),
    path("thoi-tiet/<int:number>/bo/", weather.drop, name="line-drop"),
    path("dai/", relayed.index, name="stations"),
    path("dai/<str:code>/", relayed.show, name="station"),
    path("dai/<str:code>/ky/", relayed.sign, name="station-sign"),
    path("<int:number>/", views.schedule, name="schedule"),
    path("<int:number>/rut/", views.withdraw, name="withdraw"),
    path("hop/<str:box>/", views.preview, name="preview"),
]
