from django.urls import path

from controller.accounts import people, views

app_name = "accounts"
urlpatterns = [
    path("dang-nhap/", views.login, name="login"),
    path("thoat/", views.logout, name="logout"),
    path("mat-khau/", views.password, name="password"),
    path("toi/", views.me, name="me"),
    path("nguoi-dung/", people.people, name="people"),
    path("nguoi-dung/them/", people.add, name="add"),
    path("nguoi-dung/<int:number>/", people.person, name="person"),
    path("nguoi-dung/<int:number>/mat-khau/", people.reset_password, name="reset_password"),
    path("nguoi-dung/<int:number>/mo-dong/", people.set_active, name="set_active"),
    path("phan-cong/<int:number>/ket-thuc/", people.end_appointment, name="end_appointment"),
]
