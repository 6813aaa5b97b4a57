"""Feed-forward style networks, style packs and their painter; only ``torch_engine`` imports PyTorch."""

from __future__ import annotations

from impasto.networks.packs import LearnedStyle as LearnedStyle
from impasto.networks.packs import Pack as Pack
from impasto.networks.plan import PLANS as PLANS
from impasto.networks.plan import Plan as Plan
from impasto.networks.plan import shape as shape
