from django.urls import path

from controller.boxes import groups, views

app_name = "boxes"
urlpatterns = [
    path("", views.box_list, name="list"),
    path("duyet/", views.find, name="find"),
    path("nhom/", groups.groups, name="groups"),
    path("nhom/moi/", groups.group, name="new_group"),
    path("nhom/<int:number>/", groups.group, name="group"),
    path("nhom/<int:number>/bo/", groups.delete, name="delete_group"),
    path("<str:identity>/", views.box, name="box"),
    path("<str:identity>/duyet/", views.approve, name="approve"),
    path("<str:identity>/thay/", views.replace, name="replace"),
    path("<str:identity>/da-kiem-tra/", views.looked_into, name="looked_into"),
    path("<str:identity>/ngung/", views.retire, name="retire"),
]
