from __future__ import annotations

from generations.models.bfl_account import BFLAccount
from generations.models.credits import CreditAccount, CreditEntry, GrantPlan
from generations.models.delivery import Delivery
from generations.models.draft import Draft, PastPrompt
from generations.models.gallery import Change, Picture, PictureTag, Tag
from generations.models.generation import Generation, GenerationEvent
from generations.models.image import GeneratedImage
from generations.models.limit import Limit
from generations.models.offer import Offer, OfferChange
from generations.models.press import Press
from generations.models.provider import Provider

__all__ = [
    "BFLAccount",
    "Change",
    "CreditAccount",
    "CreditEntry",
    "Delivery",
    "Draft",
    "GeneratedImage",
    "Generation",
    "GenerationEvent",
    "GrantPlan",
    "Limit",
    "Offer",
    "OfferChange",
    "PastPrompt",
    "Picture",
    "PictureTag",
    "Press",
    "Provider",
    "Tag",
]
