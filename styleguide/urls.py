from __future__ import annotations

from django.urls import path

from styleguide import views

urlpatterns = [path("", views.page, name="components")]
