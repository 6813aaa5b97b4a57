"""Feed-forward style networks, style packs and their painter; only ``torch_engine`` imports PyTorch."""

from __future__ import annotations

from impasto.networks.packs import LearnedStyle, Pack
from impasto.networks.plan import PLANS, Plan, shape

__all__ = ["PLANS", "LearnedStyle", "Pack", "Plan", "shape"]
