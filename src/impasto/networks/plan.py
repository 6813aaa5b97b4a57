"""Architecture of the style networks, shared by all engines (PyTorch, OpenVINO, ONNX).

A feed-forward network paints in one pass (Johnson et al. 2016, arXiv 1603.08155). One trunk holds many
styles by *conditional instance normalization* (Dumoulin et al. 2016, arXiv 1610.07629): a style is a *row* of
scales and shifts, one pair per normalized channel. Row 0 reproduces the photo, so the weights of the rows
set both the blend of styles and its strength.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from impasto.errors import InputError

EPSILON = 1e-3  # added to variances, so that noise in a flat sky is not amplified
FADE = 0.25  # below this strength the output fades to the photo, which it equals at 0

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Architecture of a network.

    Args:
        name: name of the network.
        fold: side of the pixel blocks folded into channels before the first convolution (1: none).
        widths: channels after the first convolution and after each downsampling by 2.
        blocks: residual blocks (Johnson's, without the final ReLU) at each width, in the decoder.
        ends: kernel side of the first and the last convolution.
        finish: channels at full size before the last convolution; 0 if ``fold`` is 1.
        skips: whether encoder features are added to the decoder features of the same size.
        late: normalize from the first residual block to the last convolution (Ghiasi et al. 2017,
            arXiv 1705.06830); else from the first convolution to the one before the last.
        noise: octaves of noise added in the blocks at the smallest size, weighted by the row, as a source
            of brush strokes in flat areas.
    """

    name: str
    fold: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    ends: int
    finish: int
    skips: bool
    late: bool = False
    noise: int = 0

    @property
    def kinds(self) -> int:
        """Values of a row per normalized channel: scale, shift, and the weight of each octave."""
        return 2 + self.noise

    @property
    def multiple(self) -> int:
        """Divisor of both sides of an image, in pixels; each side is also at least :attr:`least`."""
        return self.fold << (len(self.widths) - 1)

    @property
    def least(self) -> int:
        """Smallest side of an image, in pixels, that allows reflection padding; a multiple as well."""
        ends = self.fold * (self.ends // 2 + 1)
        return self.multiple * max(2, -(-ends // self.multiple))


PLANS = {
    plan.name: plan
    for plan in (
        Plan("johnson", fold=1, widths=(32, 64, 128), blocks=(0, 0, 5), ends=9, finish=0, skips=False),
        Plan(
            "quality",
            fold=1,
            widths=(8, 16, 32),
            blocks=(0, 0, 5),
            ends=9,
            finish=0,
            skips=False,
            late=True,
            noise=3,
        ),
        Plan("tiny", fold=2, widths=(12, 24, 40), blocks=(0, 0, 3), ends=5, finish=8, skips=True, noise=3),
    )
}


class Reached(Exception):  # noqa: N818 - stops the traversal of a network, not an error
    """Raised by an engine at the layer that it was asked for; ``features`` are those of the layer."""

    def __init__(self, features: Any) -> None:
        self.features = features


class Engine(Protocol[T]):
    """Operations of an engine; ``T`` is its type of feature map ``(B, C, h, w)``."""

    def fold(self, x: T, factor: int, /) -> T:
        """Fold ``(B, C, h, w)`` to ``(B, C f^2, h / f, w / f)`` in the order of ``pixel_unshuffle``."""

    def convolve(self, x: T, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> T:
        """Convolve with the weights ``name``, after reflection padding that does not repeat the edge.

        Adds the bias ``NAME_bias`` if there is one.
        """

    def normalize(self, x: T, /, *, noisy: bool = False) -> T:
        """Apply the next conditional instance normalization, numbered in the order of calls.

        ``noisy``: add the octaves of noise, each times its weight in the row.
        """

    def relu(self, x: T, /) -> T:
        """Return ``max(x, 0)``."""

    def add(self, x: T, y: T, /) -> T:
        """Return ``x + y``."""

    def enlarge(self, x: T, /) -> T:
        """Upsample by 2: bilinear between pixel centers, constant beyond the outermost ones."""

    def squash(self, x: T, /) -> T:
        """Return the logistic function of ``x``, 0..1."""

    def fade(self, photo: T, painted: T, /) -> T:
        """Return ``painted``; blend linearly towards ``photo`` at strengths below ``FADE``."""


def paint(engine: Engine[T], plan: Plan, photo: T) -> T:
    """Run the network on ``photo (B, 3, H, W)``, RGB 0..1; both sides are multiples of ``plan.multiple``."""
    x = engine.fold(photo, plan.fold) if plan.fold > 1 else photo
    seen = []
    for level, width in enumerate(plan.widths):
        kernel, stride = (3, 2) if level else (plan.ends, 1)
        x = engine.convolve(x, f"down{level}", channels=width, kernel=kernel, stride=stride)
        x = engine.relu(x if plan.late else engine.normalize(x))
        seen.append(x)
    for level in reversed(range(len(plan.widths))):
        width = plan.widths[level]
        if level < len(plan.widths) - 1:
            # Upsampling before a plain convolution avoids checkerboard artifacts (Odena et al. 2016); it is
            # bilinear because nearest-neighbor upsampling leaves a grid in dark and flat areas.
            x = engine.convolve(engine.enlarge(x), f"up{level}", channels=width, kernel=3)
            x = engine.relu(engine.normalize(engine.add(x, seen[level]) if plan.skips else x))
        noisy = plan.noise > 0 and level == len(plan.widths) - 1
        for block in range(plan.blocks[level]):
            y = engine.convolve(x, f"block{level}_{block}a", channels=width, kernel=3)
            y = engine.relu(engine.normalize(y, noisy=noisy))
            y = engine.convolve(y, f"block{level}_{block}b", channels=width, kernel=3)
            x = engine.add(x, engine.normalize(y, noisy=noisy))
    if plan.finish:
        x = engine.convolve(x, "finish", channels=plan.finish, kernel=3)
        x = engine.enlarge(engine.relu(engine.normalize(x)))
    x = engine.convolve(x, LAST, channels=3, kernel=plan.ends)
    return engine.fade(photo, engine.squash(engine.normalize(x) if plan.late else x))


LAST = "last"


@dataclass(frozen=True)
class Shape:
    """Sizes derived from a plan.

    Args:
        kernels: shape ``(out, in, k, k)`` of each convolution, by name.
        biases: length of each bias, by name; only convolutions without normalization have one.
        norms: channels of each normalization, in order.
        radius: radius of the receptive field in pixels, for given statistics (those of the image itself
            depend on all of it).
    """

    kernels: dict[str, tuple[int, int, int, int]]
    biases: dict[str, int]
    norms: tuple[int, ...]
    radius: int


def shape(plan: Plan) -> Shape:
    """Return the sizes of a plan, by running it on shapes only."""
    tracer = _Tracer()
    paint(tracer, plan, _Traced(channels=3, step=1, radius=0))
    biased = [name for name in tracer.kernels if name.startswith("down")] if plan.late else [LAST]
    biases = {f"{name}_bias": tracer.kernels[name][0] for name in biased}
    return Shape(tracer.kernels, biases, tuple(tracer.norms), tracer.radius)


@dataclass(frozen=True)
class _Traced:
    """Shape of a feature map; ``step`` and ``radius`` are in pixels."""

    channels: int
    step: int
    radius: int


class _Tracer:
    def __init__(self) -> None:
        self.kernels: dict[str, tuple[int, int, int, int]] = {}
        self.norms: list[int] = []
        self.radius = 0

    def fold(self, x: _Traced, factor: int, /) -> _Traced:
        return _Traced(x.channels * factor**2, x.step * factor, x.radius + factor - 1)

    def convolve(self, x: _Traced, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> _Traced:
        self.kernels[name] = (channels, x.channels, kernel, kernel)
        return _Traced(channels, x.step * stride, x.radius + kernel // 2 * x.step)

    def normalize(self, x: _Traced, /, *, noisy: bool = False) -> _Traced:
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


def describe(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON; fields that older plans lack are omitted at their default, to keep hashes."""
    fields = asdict(plan)
    return {k: v for k, v in fields.items() if k not in ("late", "noise") or v}


def parse(described: dict[str, Any]) -> Plan:
    """Return the plan described by JSON.

    Raises:
        InputError: a field is missing, has the wrong type or is out of range.
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
            late=bool(described.get("late", False)),
            noise=_within(described.get("noise", 0), range(9)),
        )
        if not 1 <= len(plan.widths) <= 5 or len(plan.blocks) != len(plan.widths):
            raise ValueError(f"widths {plan.widths} and blocks {plan.blocks} do not match")
        if (plan.finish > 0) != (plan.fold > 1):
            raise ValueError("finish must be above 0 if fold is above 1, and 0 otherwise")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the description of its network is damaged ({error})") from error
    return plan


def _within(value: Any, allowed: tuple[int, ...] | range) -> int:
    if type(value) is not int or value not in allowed:
        raise ValueError(f"{value!r} is out of range")
    return value
