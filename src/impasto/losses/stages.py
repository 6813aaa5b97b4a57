"""Different losses for the stages of a schedule."""

from __future__ import annotations

from collections.abc import Sequence

from impasto.losses.base import Loss
from impasto.losses.bound import Bound
from impasto.losses.context import BindContext


class ByStage(Loss):
    """Loss that uses ``losses[n]`` at stage ``n`` of a schedule, and the last one from there on.

    Examples:
        >>> ByStage([Gram("starry.jpg"), Neighbors("photo.jpg", "starry.jpg")])  # doctest: +SKIP
    """

    name = "by stage"

    def __init__(self, losses: Sequence[Loss]) -> None:
        self.losses = tuple(losses)
        self.needs = frozenset[str]().union(*(loss.needs for loss in losses))

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        return self.losses[min(context.stage, len(self.losses) - 1)].bind(context)
