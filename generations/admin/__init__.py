from __future__ import annotations

from generations.admin import credits, generation, limits, provider

__all__ = ["credits", "generation", "limits", "provider"]
