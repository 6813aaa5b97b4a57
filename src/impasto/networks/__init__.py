"""Feed-forward style networks and style packs; nothing here loads PyTorch but ``style_network``."""

from __future__ import annotations

from impasto.networks.packs import LearnedStyle, Pack
from impasto.networks.plan import PLANS, Plan, shape

__all__ = ["PLANS", "LearnedStyle", "Pack", "Plan", "shape"]
