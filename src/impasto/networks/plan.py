"""The style networks, described once, so that every engine (PyTorch, OpenVINO, ONNX) carries out the same.

A feed-forward network paints in one pass (Johnson et al. 2016, arXiv 1603.08155). One trunk holds many
styles by *conditional instance normalisation* (Dumoulin et al. 2016, arXiv 1610.07629): a style is a *row* of
scales and shifts, one pair for each normalised channel. Row 0 stands for the photograph itself, so that the
weights of rows say both which style and how much of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from impasto.errors import InputError

EPSILON = 1e-3  # added to variances: a flat sky is not blown up into its noise
FADE = 0.25  # below this strength the photo itself shines through, so that at 0 nothing else is left

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """The shape of a network.

    Args:
        name: what it is called.
        fold: pixels a side folded into channels before the first convolution (1: none).
        widths: channels after the first convolution and after each halving of the picture.
        blocks: residual blocks (Johnson's, without the ReLU at the end) at each width, on the way up.
        ends: side of the kernels of the first and the last convolution.
        finish: channels at full size before the last convolution; 0 where nothing was folded.
        skips: whether the way up sees what the way down saw at the same size.
    """

    name: str
    fold: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    ends: int
    finish: int
    skips: bool

    @property
    def multiple(self) -> int:
        """Both sides of a picture must be a multiple of this, and no less than :attr:`least`."""
        return self.fold << (len(self.widths) - 1)

    @property
    def least(self) -> int:
        """The smallest side of a picture whose borders every convolution can reflect; a multiple, too."""
        ends = self.fold * (self.ends // 2 + 1)
        return self.multiple * max(2, -(-ends // self.multiple))


PLANS = {
    plan.name: plan
    for plan in (
        Plan("johnson", fold=1, widths=(32, 64, 128), blocks=(0, 0, 5), ends=9, finish=0, skips=False),
        Plan("quality", fold=2, widths=(24, 48, 80), blocks=(0, 1, 4), ends=5, finish=12, skips=True),
        Plan("tiny", fold=2, widths=(12, 24, 40), blocks=(0, 0, 3), ends=5, finish=8, skips=True),
    )
}


class Engine(Protocol[T]):
    """What an engine must be able to do; ``T`` is its kind of feature map ``(B, C, h, w)``."""

    def fold(self, x: T, factor: int, /) -> T:
        """``(B, C, h, w)`` to ``(B, C f^2, h / f, w / f)``, channel by channel as ``pixel_unshuffle``."""

    def convolve(self, x: T, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> T:
        """Convolution by the weights of that name, borders reflected without repeating the last pixel."""

    def normalise(self, x: T, /) -> T:
        """The next conditional instance normalisation, in the order in which they are called."""

    def relu(self, x: T, /) -> T:
        """``max(x, 0)``."""

    def add(self, x: T, y: T, /) -> T:
        """``x + y``."""

    def enlarge(self, x: T, /) -> T:
        """Twice as high and as wide, linear between the middles of positions, level beyond the outermost."""

    def squash(self, x: T, /) -> T:
        """The logistic function: any number to 0..1."""

    def fade(self, photo: T, painted: T, /) -> T:
        """``painted``; at a strength below ``FADE``, ever more of ``photo``."""


def paint(engine: Engine[T], plan: Plan, photo: T) -> T:
    """Carries out the network on ``photo (B, 3, H, W)``, RGB 0..1, sides multiples of ``plan.multiple``."""
    x = engine.fold(photo, plan.fold) if plan.fold > 1 else photo
    seen = []
    for level, width in enumerate(plan.widths):
        kernel, stride = (3, 2) if level else (plan.ends, 1)
        x = engine.convolve(x, f"down{level}", channels=width, kernel=kernel, stride=stride)
        x = engine.relu(engine.normalise(x))
        seen.append(x)
    for level in reversed(range(len(plan.widths))):
        width = plan.widths[level]
        if level < len(plan.widths) - 1:
            # Enlarging before a plain convolution leaves no checkerboard (Odena et al. 2016); linear, because
            # repeated pixels left a grid of their own in dark and flat places.
            x = engine.convolve(engine.enlarge(x), f"up{level}", channels=width, kernel=3)
            x = engine.relu(engine.normalise(engine.add(x, seen[level]) if plan.skips else x))
        for block in range(plan.blocks[level]):
            y = engine.convolve(x, f"block{level}_{block}a", channels=width, kernel=3)
            y = engine.convolve(
                engine.relu(engine.normalise(y)), f"block{level}_{block}b", channels=width, kernel=3
            )
            x = engine.add(x, engine.normalise(y))
    if plan.finish:
        x = engine.convolve(x, "finish", channels=plan.finish, kernel=3)
        x = engine.enlarge(engine.relu(engine.normalise(x)))
    x = engine.convolve(x, LAST, channels=3, kernel=plan.ends)
    return engine.fade(photo, engine.squash(x))


LAST = "last"  # the one convolution with a bias: the others are normalised, which would undo it


@dataclass(frozen=True)
class Shape:
    """What a plan amounts to.

    Args:
        kernels: shape ``(out, in, k, k)`` of each convolution, by name.
        norms: channels of each normalisation, in order.
        radius: how far, in pixels, from an output pixel the furthest input pixel lies that it sees (with
            given statistics; those of the picture itself see all of it).
        work: multiplications a pixel.
    """

    kernels: dict[str, tuple[int, int, int, int]]
    norms: tuple[int, ...]
    radius: int
    work: float


def shape(plan: Plan) -> Shape:
    """The shape of a plan, found by carrying it out on shapes alone."""
    tracer = _Tracer()
    paint(tracer, plan, _Traced(channels=3, step=1, radius=0))
    return Shape(tracer.kernels, tuple(tracer.norms), tracer.radius, tracer.work)


@dataclass(frozen=True)
class _Traced:
    """A feature map of which only this is known; ``step`` is in pixels, ``radius`` too."""

    channels: int
    step: int
    radius: int


class _Tracer:
    def __init__(self) -> None:
        self.kernels: dict[str, tuple[int, int, int, int]] = {}
        self.norms: list[int] = []
        self.radius, self.work = 0, 0.0

    def fold(self, x: _Traced, factor: int, /) -> _Traced:
        return _Traced(x.channels * factor**2, x.step * factor, x.radius + factor - 1)

    def convolve(self, x: _Traced, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> _Traced:
        self.kernels[name] = (channels, x.channels, kernel, kernel)
        self.work += channels * x.channels * kernel**2 / (x.step * stride) ** 2
        return _Traced(channels, x.step * stride, x.radius + kernel // 2 * x.step)

    def normalise(self, x: _Traced, /) -> _Traced:
        self.norms.append(x.channels)
        return x

    def relu(self, x: _Traced, /) -> _Traced:
        return x

    def add(self, x: _Traced, y: _Traced, /) -> _Traced:
        return _Traced(x.channels, x.step, max(x.radius, y.radius))

    def enlarge(self, x: _Traced, /) -> _Traced:
        return _Traced(x.channels, x.step // 2, x.radius + x.step)

    def squash(self, x: _Traced, /) -> _Traced:
        return x

    def fade(self, photo: _Traced, painted: _Traced, /) -> _Traced:
        self.radius = painted.radius
        return painted


def parse(described: dict[str, Any]) -> Plan:
    """A plan from what a file says of it.

    Raises:
        InputError: a field is missing, of a wrong kind, or of a size no network here has.
    """
    try:
        plan = Plan(
            name=str(described["name"]),
            fold=_within(described["fold"], (1, 2)),
            widths=tuple(_within(w, range(1, 513)) for w in described["widths"]),
            blocks=tuple(_within(b, range(17)) for b in described["blocks"]),
            ends=_within(described["ends"], (3, 5, 7, 9)),
            finish=_within(described["finish"], range(129)),
            skips=bool(described["skips"]),
        )
        if not 1 <= len(plan.widths) <= 5 or len(plan.blocks) != len(plan.widths):
            raise ValueError(f"widths {plan.widths} and blocks {plan.blocks} do not go together")
        if (plan.finish > 0) != (plan.fold > 1):
            raise ValueError("what is folded must be finished, and nothing else")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the description of its network is damaged ({error})") from error
    return plan


def _within(value: Any, allowed: tuple[int, ...] | range) -> int:
    if type(value) is not int or value not in allowed:
        raise ValueError(f"{value!r} is not possible")
    return value
