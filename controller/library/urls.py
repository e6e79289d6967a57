from django.urls import path

from controller.library import views

app_name = "library"
urlpatterns = [
    path("", views.index, name="list"),
    path("moi/", views.new, name="new"),
    path("<int:number>/", views.bulletin, name="bulletin"),
    path("<int:number>/sua/", views.edit, name="edit"),
    path("<int:number>/tien-do/", views.status, name="status"),
    path("<int:number>/hinh/", views.picture, name="picture"),
    path("<int:number>/am-thanh/", views.sound, name="sound"),
    path("<int:number>/bang-tin/", views.board, name="board"),
    path("<int:number>/duyet/", views.approve, name="approve"),
    path("<int:number>/khong-duyet/", views.refuse, name="refuse"),
    path("<int:number>/rut/", views.withdraw, name="withdraw"),
]
