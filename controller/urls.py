"""Every path of the controller, one line an app."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("controller.console.urls")),
    path("", include("controller.accounts.urls")),
    path("don-vi/", include("controller.units.urls")),
    path("tin-cay/", include("controller.trust.urls")),
    path("hop/", include("controller.boxes.urls")),
    path("ban-tin/", include("controller.library.urls")),
    path("lich/", include("controller.schedules.urls")),
    path("khan-cap/", include("controller.orders.urls")),
    path("truc-tiep/", include("controller.live.urls")),
    path("nhat-ky/", include("controller.reports.urls")),
    path("", include("controller.box_api.urls")),
]

handler403 = "controller.console.views.not_allowed"
handler404 = "controller.console.views.not_found"
handler500 = "controller.console.views.broken"
