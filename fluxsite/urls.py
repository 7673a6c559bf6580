from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from fluxsite.ops import views as ops

# The admin's own login form knows no limit of tries; allauth's does.
admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "fluxsite"
admin.site.index_title = "Administration"

urlpatterns = [
    path("", include("generations.urls")),
    path("components/", include("styleguide.urls")),
    path("accounts/", include("fluxsite.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", ops.healthz, name="healthz"),
    path("readyz", ops.readyz, name="readyz"),
]
