"""The controller's pages and `/kit/`: has whatever bytes it is asked for signed, and says what it got."""

from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import RequestContext, Template
from django.urls import include, path

from controller.accounts import signing
from controller.accounts.access import person_of
from controller.core.errors import Refused
from protocol.passkey import Party
from protocol.signing import Assertion, Family

PAGE: Final = Template(
    """{% extends "console/base.html" %}{% block content %}<section class="card narrow"><h1>Duyệt bản tin</h1>
    <p><label><input type="checkbox" form="signing" name="heard" required> Tôi đã nghe hết</label></p>
    {% include "accounts/sign_with.html" %}</section>{% endblock %}"""
)


def kit(request: HttpRequest) -> HttpResponse:
    """GET shows the kit for the bytes `payload` (hex); its POST answers with the signature, or with 422 and why not."""
    person = person_of(request)
    payload = bytes.fromhex(request.GET["payload"])
    if request.method == "GET":
        asked = signing.request(person, payload, Family.APPROVAL, action=request.get_full_path(), button="Duyệt")
        return HttpResponse(PAGE.render(RequestContext(request, {"signing": asked})))
    try:
        signed = signing.read(request)
        row = signing.own_key(person, signed)
        party = Party(row.rp_id, (f"http://{request.get_host()}",)) if row.rp_id else None
        signing.verify(signed, payload, Family.APPROVAL, signing.domain(), party)
    except Refused as refused:
        return JsonResponse({"refused": str(refused)}, status=422)
    assertion = signed.assertion or Assertion(b"", b"")
    return JsonResponse(
        {
            "public_key": signed.public_key.hex(),
            "value": signed.value.hex(),
            "alg": int(signed.alg),
            "authenticator_data": assertion.authenticator_data.hex(),
            "client_data": assertion.client_data.decode(),
        }
    )


urlpatterns = [path("kit/", kit), path("", include("controller.urls"))]
