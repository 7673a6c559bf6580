from __future__ import annotations

from generations.admin import credits, generation, provider

__all__ = ["credits", "generation", "provider"]
