from __future__ import annotations

from typing import Any

from django.contrib import admin


def may_not(*args: Any, **kwargs: Any) -> bool:
    return False


class MachineWritten(admin.ModelAdmin[Any]):
    """Rows that only the machine writes: to look at, not to add, change or delete."""

    has_add_permission = has_change_permission = has_delete_permission = may_not


class MachineWrittenLines(admin.TabularInline[Any, Any]):
    extra = 0
    can_delete = False
    show_change_link = False
    has_add_permission = has_change_permission = has_delete_permission = may_not
