"""Losses: values compared to formulas, gradients to finite differences, and combinations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from impasto.backbones import PIXELS, Tiny
from impasto.errors import InputError
from impasto.losses import (
    BindContext,
    Bound,
    Content,
    Gram,
    Loss,
    MeanVariance,
    StyleLoss,
    TotalVariation,
    Wasserstein,
)
from impasto.methods import Style
from impasto.moments import shares
from impasto.optim import Evaluation, evaluate
from impasto.tiles import Tiling, Window
from support.pictures import soft_picture

SIZE = (16, 20)
LAYERS = ("relu1_1", "relu2_1")
STYLES = (Gram, MeanVariance, Wasserstein)


def picture(seed: int, size: tuple[int, int] = SIZE) -> Tensor:
    return soft_picture(seed, size)


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    # With this seed no channel is dead: at the root of zero, finite differences show nothing but rounding.
    return Tiny(width=4, seed=5)


def bind(loss: Loss, network: Tiny, size: tuple[int, int] = SIZE) -> Bound:
    return loss.bind(BindContext(network, size))


def at(loss: Loss, network: Tiny, now: Tensor) -> Evaluation:
    size = (now.shape[-2], now.shape[-1])
    return evaluate(bind(loss, network, size), now, backbone=network, windows=[Window.full(size)])


def features(network: Tiny, now: Tensor, layer: str) -> np.ndarray:
    """``(C, N)``."""
    return network.features(now, {layer})[layer][0].flatten(1).numpy()


# Values


@pytest.mark.parametrize("layers", ["relu2_1", ("relu1_1", "relu3_1"), PIXELS])
def test_content_is_the_mean_square_over_that_of_the_photo(tiny: Tiny, layers: str | tuple[str, ...]) -> None:
    photo, now = picture(0), picture(1)
    names = (layers,) if isinstance(layers, str) else layers
    pairs = [(features(tiny, now, k), features(tiny, photo, k)) for k in names]
    wanted = sum(((f - p) ** 2).mean() / (p**2).mean() for f, p in pairs)
    assert at(Content(photo, layers), tiny, now).value == pytest.approx(wanted, rel=1e-9)
    plain = sum(((f - p) ** 2).mean() for f, p in pairs)
    assert at(Content(photo, layers, unit="absolute"), tiny, now).value == pytest.approx(plain, rel=1e-9)
    assert at(Content(photo, layers), tiny, photo).value == 0


def looped_gram(f: np.ndarray) -> np.ndarray:
    """Equation 3 of Gatys et al. 2015, index by index, over the number of positions."""
    channels, positions = f.shape
    gram = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(channels):
            for k in range(positions):
                gram[i, j] += f[i, k] * f[j, k]
    return np.asarray(gram / positions)


class Backwards(frozenset[str]):
    """A set whose order is the worst that a run can have."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__(), reverse=True))


@pytest.mark.parametrize("tiled", [False, True])
def test_features_and_moments_come_in_one_order(tiny: Tiny, tiled: bool) -> None:
    # The order of a set differs from run to run, and sums over layers would differ in their last bits.
    size, layers = (32, 40), Backwards(tiny.layers)
    cut = Tiling(8, halo=4, stride=4) if tiled else None
    scene = BindContext(tiny, size, cut=cut)
    assert len(scene.windows(size)) == (20 if tiled else 1)
    assert list(scene.features(picture(1, size), layers)) == sorted(layers)
    assert list(scene.moments(picture(1, size), layers)) == sorted(layers)


def test_gram_is_the_loop_of_the_paper(tiny: Tiny) -> None:
    style, now = picture(2), picture(1)
    wanted, plain = 0.0, 0.0
    for layer, weight in (("relu1_1", 1.0), ("relu2_1", 3.0)):
        g, a = looped_gram(features(tiny, now, layer)), looped_gram(features(tiny, style, layer))
        wanted += weight * ((g - a) ** 2).sum() / (a**2).sum() / 4
        plain += weight * ((g - a) ** 2).sum() / 4
    weights = {"relu1_1": 1.0, "relu2_1": 3.0}
    assert at(Gram(style, weights), tiny, now).value == pytest.approx(wanted, rel=1e-9)
    assert at(Gram(style, weights, unit="absolute"), tiny, now).value == pytest.approx(plain, rel=1e-9)


def test_mean_and_variance_are_those_of_numpy(tiny: Tiny) -> None:
    style, now = picture(2), picture(1)
    wanted = 0.0
    for layer in LAYERS:
        f, a = features(tiny, now, layer), features(tiny, style, layer)
        far = ((f.mean(1) - a.mean(1)) ** 2 + (f.std(1) - a.std(1)) ** 2).sum()
        wanted += far / (a**2).mean(1).sum() / 2
    assert at(MeanVariance(style, LAYERS), tiny, now).value == pytest.approx(wanted, rel=1e-6)


def test_wasserstein_is_the_formula_with_roots_of_scipy(tiny: Tiny) -> None:
    style, now = picture(2), picture(1)
    wanted = 0.0
    for layer in LAYERS:
        f, a = features(tiny, now, layer), features(tiny, style, layer)
        s, t = np.cov(f, bias=True), np.cov(a, bias=True)
        half = scipy.linalg.sqrtm(t).real
        joint = np.trace(scipy.linalg.sqrtm(half @ s @ half).real)
        far = ((f.mean(1) - a.mean(1)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * joint
        wanted += far / (a**2).mean(1).sum() / 2
    assert at(Wasserstein(style, LAYERS), tiny, now).value == pytest.approx(wanted, rel=1e-6)


def test_total_variation_is_the_loop_over_neighbors(tiny: Tiny) -> None:
    now = picture(3, (5, 4))
    x, total = now[0].numpy(), 0.0
    for c in range(3):
        for i in range(5):
            for j in range(4):
                total += (x[c, i + 1, j] - x[c, i, j]) ** 2 if i < 4 else 0
                total += (x[c, i, j + 1] - x[c, i, j]) ** 2 if j < 3 else 0
    assert at(TotalVariation(), tiny, now).value == pytest.approx(total / 60, rel=1e-12)
    assert at(TotalVariation(), tiny, torch.full((1, 3, 5, 4), 0.3)).value == 0


@pytest.mark.parametrize("kind", STYLES)
def test_a_style_is_at_rest_in_its_own_painting(tiny: Tiny, kind: type[StyleLoss]) -> None:
    style = picture(2)
    found = at(kind(style, LAYERS), tiny, style)
    assert found.value == pytest.approx(0, abs=1e-7)
    assert at(kind(style, LAYERS), tiny, picture(1)).value > 1e-3


@pytest.mark.parametrize("kind", STYLES)
def test_a_style_does_not_see_where_things_are(tiny: Tiny, kind: type[StyleLoss]) -> None:
    bound, now = bind(kind(picture(2), LAYERS), tiny), picture(1)
    found = tiny.features(now, LAYERS)
    shuffled = {}
    for seed, (layer, f) in enumerate(found.items()):
        order = torch.randperm(f.shape[-1] * f.shape[-2], generator=torch.Generator().manual_seed(seed))
        shuffled[layer] = f.flatten(2)[..., order].view_as(f)
        assert not torch.equal(shuffled[layer], f)
    window = Window.full(SIZE)
    value, other = (float(bound.value(bound.measure(f, window))) for f in (found, shuffled))
    assert other == pytest.approx(value, rel=1e-9)
    content = bind(Content(now, LAYERS), tiny)
    assert float(content.value(content.measure(shuffled, window))) > 0.1


@pytest.mark.parametrize("loss", [Content(picture(0), LAYERS), *(k(picture(2), LAYERS) for k in STYLES)])
def test_a_batch_counts_by_its_mean(tiny: Tiny, loss: Loss) -> None:
    batch = torch.cat([picture(1), picture(4), picture(5)])
    each = [at(loss, tiny, one[None]).value for one in batch]
    assert at(loss, tiny, batch).value == pytest.approx(sum(each) / 3, rel=1e-9)


def test_targets_may_be_a_batch(tiny: Tiny) -> None:
    photos, now = torch.cat([picture(1), picture(4)]), torch.cat([picture(5), picture(6)])
    plain = Content(photos, "relu2_1", unit="absolute")
    each = [
        at(Content(p[None], "relu2_1", unit="absolute"), tiny, n[None]).value
        for p, n in zip(photos, now, strict=True)
    ]
    assert at(plain, tiny, now).value == pytest.approx(sum(each) / 2, rel=1e-9)
    for kind in STYLES:
        each = [at(kind(p[None], LAYERS), tiny, n[None]).value for p, n in zip(photos, now, strict=True)]
        assert at(kind(photos, LAYERS), tiny, now).value == pytest.approx(sum(each) / 2, rel=1e-9)


# Gradients


def mask() -> Tensor:
    values = torch.zeros(1, 1, *SIZE, dtype=torch.float64)
    values[..., 4:12, 6:] = 1
    values[..., 12:, :] = 0.4
    return values


GRADIENTS: dict[str, Callable[[], Loss]] = {
    "content": lambda: Content(picture(0), LAYERS),
    "pixels": lambda: Content(picture(0), PIXELS, unit="absolute"),
    "gram": lambda: Gram(picture(2), LAYERS),
    "meanvar": lambda: MeanVariance(picture(2), LAYERS),
    "wasserstein": lambda: Wasserstein(picture(2), LAYERS),
    "tv": TotalVariation,
    "masked gram": lambda: Gram(picture(2), LAYERS, mask=mask()),
    "masked meanvar": lambda: MeanVariance(picture(2), LAYERS, mask=mask()),
    "masked wasserstein": lambda: Wasserstein(picture(2), LAYERS, mask=mask()),
    "barycenter": lambda: Wasserstein([picture(2), picture(3)], LAYERS, blend="barycenter"),
    "relative": lambda: Gram(picture(2), LAYERS).relative(picture(0)),
    "sum": lambda: 2 * Content(picture(0), LAYERS) + 0.3 * (Gram(picture(2), LAYERS) + 5 * TotalVariation()),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_finite_differences(tiny: Tiny, name: str) -> None:
    size = (8, 12)
    bound = bind(GRADIENTS[name](), tiny, size)
    window = Window.full(size)

    def value(now: Tensor) -> Tensor:
        return bound.value(bound.measure(tiny.features(now, bound.layers), window))

    now = picture(1, size).requires_grad_()
    assert torch.autograd.gradcheck(value, now, eps=1e-7, atol=1e-6, rtol=1e-4)
    assert float(evaluate(bound, now, backbone=tiny, windows=[window]).gradient.norm()) > 1e-4


@pytest.mark.parametrize("kind", STYLES)
@pytest.mark.parametrize("plain", ["picture", "style", "both"])
def test_plain_pictures_have_finite_gradients(kind: type[StyleLoss], plain: str) -> None:
    network = Tiny()
    gray = torch.full((1, 3, *SIZE), 0.4)
    now = gray if plain != "style" else picture(1).float()
    style = gray if plain != "picture" else picture(2).float()
    found = at(kind(style, ("relu1_1", "relu3_1")), network, now)
    assert math.isfinite(found.value)
    assert torch.isfinite(found.gradient).all()
    # Zero padding makes borders that differ a little, so the gradient is not zero; but it is a modest one.
    assert float(found.gradient.norm()) < 1e3


# Combinations


def test_terms_are_named_weighted_and_add_up_to_the_value(tiny: Tiny) -> None:
    content, gram, now = Content(picture(0), LAYERS), Gram(picture(2), LAYERS), picture(1)
    found = at(2 * (content + 3 * gram) + TotalVariation() * 4 + gram, tiny, now)
    c, g, t = (at(loss, tiny, now).value for loss in (content, gram, TotalVariation()))
    assert found.terms == pytest.approx({"content": 2 * c, "gram": 7 * g, "tv": 4 * t}, rel=1e-9)
    assert found.value == pytest.approx(sum(found.terms.values()), rel=1e-9)


def test_more_than_ten_terms_keep_apart(tiny: Tiny) -> None:
    now, terms = picture(1), [Content(picture(seed), LAYERS) for seed in range(2, 14)]
    total: Loss = terms[0] * 1
    for term in terms[1:]:
        total = total + term
    wanted = sum(at(term, tiny, now).value for term in terms)
    assert at(total, tiny, now).value == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("loss", [k(picture(2), LAYERS) for k in STYLES] + [Content(picture(2), LAYERS)])
def test_a_relative_term_is_one_at_its_reference(tiny: Tiny, loss: Loss) -> None:
    relative = loss.relative(picture(0))
    assert at(relative, tiny, picture(0)).value == pytest.approx(1, rel=1e-9)
    ratio = at(loss, tiny, picture(1)).value / at(loss, tiny, picture(0)).value
    assert at(relative, tiny, picture(1)).value == pytest.approx(ratio, rel=1e-9)
    assert at(relative, tiny, picture(1)).terms == pytest.approx({loss.name: ratio})


def test_a_relative_term_does_not_blow_up_noise(tiny: Tiny) -> None:
    photo = picture(0)
    found = at(Content(photo, LAYERS).relative(photo), tiny, photo + 1e-4)
    plain = at(Content(photo, LAYERS), tiny, photo + 1e-4)
    assert 0 < found.value < 1e3 * plain.value


@pytest.mark.parametrize("kind", STYLES)
@pytest.mark.parametrize("blend", ["moments", "barycenter"])
def test_a_blend_of_one_and_nothing_is_that_style(tiny: Tiny, kind: type[StyleLoss], blend: str) -> None:
    one, other, now = picture(2), picture(3, (12, 30)), picture(1)
    alone = at(kind(one, LAYERS), tiny, now)
    for styles, weights in (([one, other], [1, 0]), ([other, one], [0, 2.5])):
        found = at(kind(styles, LAYERS, weights=weights, blend=blend), tiny, now)  # type: ignore[arg-type]
        assert found.value == pytest.approx(alone.value, rel=1e-6)
        torch.testing.assert_close(found.gradient, alone.gradient, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", STYLES)
def test_a_blend_lies_between(tiny: Tiny, kind: type[StyleLoss]) -> None:
    one, other = picture(2), picture(3) * 0.5
    for blend in ("moments", "barycenter"):
        loss = kind([one, other], LAYERS, weights=[0.5, 0.5], blend=blend)
        near = at(loss, tiny, one).value
        assert 0 < near < at(kind(other, LAYERS), tiny, one).value


def test_side_by_side_is_the_blend_of_moments(tiny: Tiny) -> None:
    # Pixels have no receptive field, so two halves of one painting are exactly two paintings.
    one, other, now = picture(2), picture(3), picture(1, (16, 40))
    both = torch.cat([one, other], -1)
    for kind in STYLES:
        wanted = at(kind(both, [PIXELS]), tiny, now).value
        found = at(kind([one, other], [PIXELS]), tiny, now).value
        assert found == pytest.approx(wanted, rel=1e-9)


# Masks


@pytest.mark.parametrize("kind", STYLES)
def test_a_mask_of_ones_is_no_mask(tiny: Tiny, kind: type[StyleLoss]) -> None:
    now = picture(1)
    alone = at(kind(picture(2), LAYERS), tiny, now)
    for size in (SIZE, (32, 40), (7, 9)):
        found = at(kind(picture(2), LAYERS, mask=torch.ones(1, 1, *size)), tiny, now)
        assert found.value == pytest.approx(alone.value, rel=1e-9)
        torch.testing.assert_close(found.gradient, alone.gradient)


@pytest.mark.parametrize("kind", STYLES)
def test_a_mask_compares_its_part_alone(tiny: Tiny, kind: type[StyleLoss]) -> None:
    # On bare pixels, a mask of whole rows is the same as a picture of those rows.
    now, region = picture(1), torch.zeros(1, 1, *SIZE)
    region[..., 5:11, :] = 1
    found = at(kind(picture(2, (6, 20)), [PIXELS], mask=region), tiny, now)
    cut = at(kind(picture(2, (6, 20)), [PIXELS]), tiny, now[..., 5:11, :])
    assert found.value == pytest.approx(cut.value, rel=1e-9)
    torch.testing.assert_close(found.gradient[..., 5:11, :], cut.gradient)


@pytest.mark.parametrize("kind", STYLES)
@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1"])
def test_nothing_leaks_out_of_a_mask(kind: type[StyleLoss], layer: str) -> None:
    network, size = Tiny(), (48, 48)
    region = torch.zeros(1, 1, *size)
    region[..., 16:32, 16:32] = 1
    gradient = at(kind(picture(2, size), [layer], mask=region), network, picture(1, size)).gradient
    # A position of stride s sees (field - s) / 2 pixels beyond its own.
    beyond = (network.field(layer) - network.stride(layer)) // 2
    inside = torch.zeros(size, dtype=torch.bool)
    inside[16 - beyond : 32 + beyond, 16 - beyond : 32 + beyond] = True
    assert (gradient[0][:, ~inside] == 0).all()
    ring = inside.clone()
    ring[16:32, 16:32] = False
    assert (gradient[0][:, ring] != 0).any()


@pytest.mark.parametrize("kind", STYLES)
def test_an_empty_region_has_nothing_to_say(tiny: Tiny, kind: type[StyleLoss]) -> None:
    found = at(kind(picture(2), LAYERS, mask=torch.zeros(1, 1, *SIZE)), tiny, picture(1))
    assert found.value == 0
    assert (found.gradient == 0).all()


# Refusals


def test_shares_sum_to_one() -> None:
    assert shares(None, count=4) == [0.25] * 4
    assert shares([1, 3], count=2) == [0.25, 0.75]
    assert shares([0, 2], count=2) == [0, 1]


@pytest.mark.parametrize(
    ("weights", "count", "words"),
    [
        ([1.0], 2, "1 weight for 2 styles: give one"),
        ([1.0, -1.0], 2, "negative"),
        ([0.0, 0.0], 2, "all zero"),
        ([math.nan, 1.0], 2, "finite"),
        ([math.inf, 1.0], 2, "finite"),
        (None, 0, "at least one"),
    ],
)
def test_wrong_shares_are_refused(weights: list[float] | None, count: int, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        shares(weights, count=count)
    assert "\n" not in str(caught.value)


def test_wrong_styles_are_refused(tiny: Tiny) -> None:
    one = picture(2)
    for scales in ([1.0], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan], []):
        with pytest.raises(InputError, match="scales"):
            Gram([one, one], LAYERS, scales=scales)
    empty: list[dict[str, float]] = [{}, {"relu1_1": 0.0}]
    for layers in empty:
        with pytest.raises(InputError, match="layer"):
            Gram(one, layers)
    with pytest.raises(InputError, match="layer"):
        Content(one, [])
    with pytest.raises(InputError, match=r"unknown layer 'relu9_9'.*relu1_1, relu2_1, relu3_1"):
        bind(Gram(one, ["relu9_9"]), tiny)
    with pytest.raises(InputError, match="no style"):
        Gram([], LAYERS)


def test_a_style_has_the_area_of_the_picture_times_its_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, network = list[tuple[int, ...]](), Tiny()
    plain = network.forward

    def watched(x: Tensor, names: frozenset[str]) -> dict[str, Tensor]:
        seen.append(tuple(x.shape[-2:]))
        return plain(x, names)

    monkeypatch.setattr(network, "forward", watched)
    styles = [picture(2, (64, 80)), picture(3, (64, 80)), picture(4, (24, 30)), picture(5, (8, 40))]
    bind(Gram(styles, LAYERS, scales=[1, 0.5, 1, 1]), network, (32, 40))
    # Never enlarged, but to the 16 pixels that the deepest layer of VGG-19 needs.
    assert seen == [(32, 40), (16, 20), (24, 30), (16, 40)]


def test_losses_say_what_they_are() -> None:
    picture = torch.zeros(1, 3, 8, 9)
    gram, content = Gram(picture, layers=["relu1_1"]), Content(picture, layers=["relu2_1"])
    assert repr(gram) == "<Gram of relu1_1>"
    assert repr(2 * gram + content) == "2 * <Gram of relu1_1> + 1 * <Content of relu2_1>"
    assert repr(Style(picture, 0.5)) == "<Style 9x8, weight 0.5, scale 1>"
