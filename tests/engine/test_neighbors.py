"""Neural neighbors: matches compared to a full search, values to the formula, tiles to the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.backbones import Tiny, Vgg
from impasto.errors import InputError
from impasto.losses import (
    BindContext,
    Bound,
    ByStage,
    Content,
    FeatureCache,
    LayerNeighbors,
    Loss,
    Neighbors,
    Pyramid,
    layer_neighbors,
    neighbors,
)
from impasto.losses.matching import Keys, divide, grid
from impasto.losses.pyramid import reductions
from impasto.optim import Evaluation, evaluate
from impasto.tiles import Size, Window, split
from support.pictures import soft_picture

LAYERS = ("relu1_1", "relu2_1", "relu3_1")
SIZE = (32, 44)


def picture(seed: int, size: Size = SIZE) -> Tensor:
    return soft_picture(seed, size)


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    return Tiny(width=4, seed=5)


def cut(size: Size) -> list[Window]:
    """3x3 tiles with a rest."""
    return split(size, tile=16, halo=12, stride=4)


def scene(
    network: Tiny, size: Size = SIZE, *, tiles: bool = False, present: Tensor | None = None
) -> BindContext:
    return BindContext(network, size, cut=cut if tiles else None, present=present)


def at(
    loss: Loss, network: Tiny, now: Tensor, *, tiles: bool = False, present: Tensor | None = None
) -> Evaluation:
    size = (now.shape[-2], now.shape[-1])
    bound = loss.bind(scene(network, size, tiles=tiles, present=present))
    return evaluate(bound, now, backbone=network, windows=cut(size) if tiles else [Window.full(size)])


def columns(network: Tiny, now: Tensor) -> np.ndarray:
    """Hypercolumns ``(places, D)`` of a picture whose sides are multiples of 4."""
    found = network.features(now, LAYERS)
    parts = [F.avg_pool2d(found[k], 4 // network.stride(k)) / found[k].shape[1] for k in LAYERS]
    return torch.cat(parts, 1)[0].flatten(1).T.numpy()


def nearest(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The most similar of all, one by one."""
    queries, keys = queries - queries.mean(0), keys - keys.mean(0)
    found = []
    for query in queries:
        cosines = keys @ query / np.linalg.norm(keys, axis=1) / np.linalg.norm(query)
        found.append(int(np.argmax(cosines)))
    return np.array(found)


def targets(bound: Bound) -> np.ndarray:
    """Target hypercolumns ``(places, D)`` of a bound loss."""
    table = torch.cat([bound.columns[k] for k in LAYERS]).T  # type: ignore[attr-defined]
    return table[bound.index.flatten()].numpy()  # type: ignore[attr-defined]


# Matches and values


def test_the_nearest_places_are_those_of_a_search_of_all(tiny: Tiny) -> None:
    photo, painting = picture(0), picture(1, (44, 32))
    bound = Neighbors(photo, painting, LAYERS, turned=False).bind(scene(tiny))
    keys = columns(tiny, painting)
    wanted = keys[nearest(columns(tiny, photo), keys)]
    assert np.array_equal(targets(bound), wanted)


def test_the_value_is_the_formula(tiny: Tiny) -> None:
    photo, painting, now = picture(0), picture(1), picture(2)
    keys, f = columns(tiny, painting), columns(tiny, now)
    t = keys[nearest(columns(tiny, photo), keys)]
    lengths, wanted = np.linalg.norm(f, axis=1), np.linalg.norm(t, axis=1)
    angle = 1 - (f * t).sum(1) / (lengths * wanted)
    value = angle.mean() + 0.3 * ((lengths / wanted - 1) ** 2).mean()
    found = at(Neighbors(photo, painting, LAYERS, turned=False), tiny, now)
    assert found.value == pytest.approx(value, rel=1e-9)


def test_layers_by_themselves_are_the_formula(tiny: Tiny) -> None:
    painting, now, moved = picture(1), picture(2), picture(3)
    total = 0.0
    for layer in LAYERS:
        keys, here = (tiny.features(p, {layer})[layer][0].flatten(1).T.numpy() for p in (painting, now))
        f = tiny.features(moved, {layer})[layer][0].flatten(1).T.numpy() - keys.mean(0)
        t = keys[nearest(here, keys)] - keys.mean(0)
        lengths, wanted = np.linalg.norm(f, axis=1), np.linalg.norm(t, axis=1)
        angle = 1 - (f * t).sum(1) / (lengths * wanted)
        total += angle.mean() + 0.3 * ((lengths - wanted) ** 2).mean() / wanted.mean() ** 2
    found = at(LayerNeighbors(now, painting, LAYERS, turned=False), tiny, moved, present=now)
    assert found.value == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("kind", [Neighbors, LayerNeighbors])
def test_gradients_keep_the_memory_layout_of_the_features(
    tiny: Tiny, kind: type[Loss], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, painting = picture(0), picture(1)

    def gradients(layout: torch.memory_format) -> list[Tensor]:
        monkeypatch.setattr(Tiny, "memory_format", layout)
        bound = kind(photo, painting, LAYERS).bind(scene(tiny, present=photo))  # type: ignore[call-arg]
        found = tiny.features(picture(2), LAYERS)
        laid = {k: found[k].contiguous(memory_format=layout).requires_grad_() for k in LAYERS}
        return list(
            torch.autograd.grad(bound.value(bound.measure(laid, Window.full(SIZE))), list(laid.values()))
        )

    usual, last = gradients(torch.contiguous_format), gradients(torch.channels_last)
    assert all(g.is_contiguous() for g in usual)
    assert all(g.is_contiguous(memory_format=torch.channels_last) for g in last)
    torch.testing.assert_close(usual, last)


@pytest.mark.parametrize("kind", [Neighbors, LayerNeighbors])
def test_a_painting_is_its_own_nearest(tiny: Tiny, kind: type[Loss]) -> None:
    painting = picture(1)
    loss = kind(painting, painting, LAYERS, turned=False)  # type: ignore[call-arg]
    found = at(loss, tiny, painting, present=painting)
    assert found.value == pytest.approx(0, abs=1e-9)
    assert float(found.gradient.abs().max()) < 1e-6


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_painting_is_found(tiny: Tiny, turn: int) -> None:
    painting = picture(1)
    photo = torch.rot90(painting, turn, (2, 3))
    assert at(Neighbors(photo, painting, LAYERS), tiny, photo).value == pytest.approx(0, abs=1e-9)
    assert at(Neighbors(photo, painting, LAYERS, turned=False), tiny, photo).value > 0.01


@pytest.mark.parametrize("kind", [Neighbors, LayerNeighbors])
@pytest.mark.parametrize("size", [(32, 44), (33, 43)])
def test_gradients_are_those_of_finite_differences(tiny: Tiny, kind: type[Loss], size: Size) -> None:
    photo, painting, now = picture(0, size), picture(1), picture(2, size)
    loss = kind(photo, painting, LAYERS)  # type: ignore[call-arg]
    bound = loss.bind(scene(tiny, size, present=photo))
    value = partial(evaluate, bound, backbone=tiny, windows=[Window.full(size)])
    direction = torch.randn(now.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    step = 1e-7
    slope = (value(now + step * direction).value - value(now - step * direction).value) / (2 * step)
    assert float((value(now).gradient * direction).sum()) == pytest.approx(slope, rel=1e-4)


def test_what_is_painted_already_counts_by_its_share(tiny: Tiny) -> None:
    photo, painting, present = picture(0), picture(1), picture(2)
    loss = Neighbors(photo, painting, LAYERS, search=1.0, turned=False)
    half = (SIZE[0] // 2, SIZE[1] // 2)
    grow = partial(F.interpolate, mode="bicubic", antialias=True, align_corners=False)
    searched = present + photo - grow(grow(photo, half), SIZE)
    bound = loss.bind(scene(tiny, present=present))
    keys = columns(tiny, painting)
    wanted = keys[nearest(columns(tiny, searched), keys)]
    assert np.array_equal(targets(bound), wanted)


# Tiles


@pytest.mark.parametrize("size", [(48, 48), (45, 53)])
@pytest.mark.parametrize("kind", [Neighbors, LayerNeighbors])
def test_tiles_choose_and_pull_like_the_whole(tiny: Tiny, kind: Callable[..., Loss], size: Size) -> None:
    photo, painting, now = picture(0, size), picture(1, (52, 40)), picture(2, size)
    loss = partial(kind, photo, painting, LAYERS)
    whole = at(loss(), tiny, now, present=photo)
    tiles = at(loss(), tiny, now, present=photo, tiles=True)
    assert len(cut(size)) > 4
    assert tiles.value == pytest.approx(whole.value, rel=1e-9)
    assert float((tiles.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-9


def test_tiles_sample_the_same_places(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "KEYS", 40)
    photo, painting = picture(0, (48, 48)), picture(1, (52, 40))
    loss = Neighbors(photo, painting, LAYERS)
    whole, tiles = (loss.bind(scene(tiny, (48, 48), tiles=t)) for t in (False, True))
    assert np.allclose(targets(whole), targets(tiles), rtol=1e-12)
    monkeypatch.setattr(neighbors, "KEYS", 41)
    assert not np.allclose(targets(whole), targets(loss.bind(scene(tiny, (48, 48)))))


def test_tiles_of_the_real_network_agree_in_float32(vgg19: Vgg) -> None:
    size = (96, 112)
    photo, painting = picture(0, size).float(), picture(1, (80, 80)).float()
    now = picture(2, size).float()
    windows = split(size, tile=48, halo=96, stride=16)
    for kind in (Neighbors, LayerNeighbors):
        found = []
        for way in (None, lambda s: split(s, tile=48, halo=96, stride=16)):
            here = BindContext(vgg19, size, cut=way, present=photo)
            bound = kind(photo, painting).bind(here)
            found.append(
                evaluate(bound, now, backbone=vgg19, windows=windows if way else [Window.full(size)])
            )
        whole, tiles = found
        assert float((tiles.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-5


# Several paintings


@pytest.mark.parametrize("weights", [(0.7, 0.3), (0.2, 0.3, 0.5), (1.0, 0.0), (0.05, 0.95)])
def test_paintings_get_places_by_their_weights(tiny: Tiny, weights: tuple[float, ...]) -> None:
    size = (96, 96)
    paintings = [picture(k + 1) for k in range(len(weights))]
    division = Neighbors(picture(0, size), paintings, LAYERS, weights=weights).division(scene(tiny, size))
    for k, weight in enumerate(weights):
        assert float((division == k).double().mean()) == pytest.approx(weight, abs=0.03)


def test_weights_count_the_places_inside_the_border(tiny: Tiny) -> None:
    photo = F.pad(picture(1, (64, 64)), (16, 16, 16, 16), value=0.9)
    paintings = [picture(1), torch.full_like(picture(2), 0.9)]
    loss = Neighbors(photo, paintings, LAYERS, weights=(0.7, 0.3), border=16)
    division = loss.division(scene(tiny, (96, 96)))
    assert float((division[4:-4, 4:-4] == 0).double().mean()) == pytest.approx(0.7, abs=0.03)
    assert float((division == 0).double().mean()) < 0.6


def test_a_photo_that_is_all_alike_is_divided_as_well() -> None:
    for weights in ((0.5, 0.5), (0.2, 0.3, 0.5)):
        found = divide(torch.full((len(weights), 400), 0.25), weights)
        for k, weight in enumerate(weights):
            assert float((found == k).double().mean()) == pytest.approx(weight, abs=0.03)


def test_each_place_goes_to_the_painting_that_suits_it(tiny: Tiny) -> None:
    left, right = picture(1, (32, 32)), picture(2, (32, 32))
    photo = torch.cat([left, right], 3)
    division = Neighbors(photo, [left, right], LAYERS).division(scene(tiny, (32, 64)))
    assert (division[:, 1:7] == 0).all()
    assert (division[:, 9:15] == 1).all()


def test_all_sizes_divide_the_places_alike(tiny: Tiny) -> None:
    loss = Neighbors(picture(0, (64, 96)), [picture(1), picture(2)], LAYERS)
    large, small = (loss.division(scene(tiny, size)) for size in ((64, 96), (32, 48)))
    assert torch.equal(small, large[::2, ::2])


@pytest.mark.parametrize("kind", [Neighbors, LayerNeighbors])
def test_masks_say_where_a_painting_goes(tiny: Tiny, kind: type[Neighbors | LayerNeighbors]) -> None:
    mask = torch.zeros((1, 1, *SIZE))
    mask[..., : SIZE[1] // 2] = 1
    paintings = [picture(1), picture(2)]
    loss = kind(picture(0), paintings, LAYERS, masks=[mask, 1 - mask])
    division = loss.division(scene(tiny))
    assert division.shape == grid(SIZE)
    assert (division[:, :5] == 0).all()
    assert (division[:, 6:] == 1).all()
    # A painting that has no place of its own changes nothing.
    alone = kind(picture(0), picture(1), LAYERS)
    none = kind(picture(0), paintings, LAYERS, masks=[torch.ones_like(mask), torch.zeros_like(mask)])
    values = [at(x, tiny, picture(3), present=picture(0)).value for x in (alone, none)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)


# Odd paintings


ODD = {
    "one pixel": torch.full((1, 3, 1, 1), 0.3),
    "one column": picture(1, (40, 1)),
    "smaller than the photo": picture(1, (20, 24)),
    "flat": torch.full((1, 3, 40, 40), 0.6),
    "black": torch.zeros((1, 3, 40, 40)),
    "grey": picture(1).mean(1, keepdim=True).expand(-1, 3, -1, -1),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_paintings_have_finite_gradients(vgg19: Vgg, name: str) -> None:
    size = (48, 56)
    photo, painting = picture(0, size).float(), ODD[name].float()
    for kind in (Neighbors, LayerNeighbors):
        bound = kind(photo, painting).bind(BindContext(vgg19, size, present=photo))
        found = evaluate(bound, photo, backbone=vgg19, windows=[Window.full(size)])
        assert np.isfinite(found.value)
        assert bool(torch.isfinite(found.gradient).all())


def test_as_many_masks_as_paintings_are_needed() -> None:
    with pytest.raises(InputError, match="2 paintings need as many"):
        Neighbors(picture(0), [picture(1), picture(2)], LAYERS, masks=[None])


# By stage


def test_each_stage_has_its_loss(tiny: Tiny) -> None:
    first, last = Content(picture(1), "relu1_1"), Content(picture(2), "relu2_1")
    loss = ByStage([first, last])
    assert loss.needs == {"relu1_1", "relu2_1"}
    for stage, wanted in ((0, first), (1, last), (5, last)):
        bound = loss.bind(BindContext(tiny, SIZE, stage=stage))
        assert bound.layers == wanted.needs


def test_keys_keep_their_order_whatever_is_drawn(tiny: Tiny) -> None:
    view = (picture(1, (48, 48)), (48, 48))
    every = Keys.of(scene(tiny, (48, 48)), [view], frozenset(LAYERS), most=1000, seed=0)
    some = Keys.of(scene(tiny, (48, 48)), [view], frozenset(LAYERS), most=50, seed=0)
    table, columns = (torch.cat(list(keys.columns.values())) for keys in (every, some))
    where = [int((table - column[:, None]).abs().sum(0).argmin()) for column in columns.T]
    assert len(where) == 50
    assert where == sorted(where)


def test_the_search_is_prepared_once_for_small_sizes(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, paintings, now = picture(0), [picture(1), picture(3, (40, 28))], picture(2)
    sizes: list[Size] = []
    real = Keys.of.__func__  # type: ignore[attr-defined]

    def counted(kind: type[Keys], context: BindContext, /, *rest: object, **more: object) -> Keys:
        sizes.append(context.size)
        found: Keys = real(kind, context, *rest, **more)
        return found

    # The division of places between the two paintings has a search of its own, at the first binding.
    loss = Neighbors(photo, paintings, LAYERS, turned=False)
    alone = {size: at(loss, tiny, tensors.resize(now, size)).value for size in ((32, 44), (16, 22))}
    monkeypatch.setattr(Keys, "of", classmethod(counted))
    seen = FeatureCache(paintings, most=16 * 22)
    for size in ((16, 22), (32, 44)) * 3:
        bound = loss.bind(BindContext(tiny, size, seen=seen))
        found = evaluate(bound, tensors.resize(now, size), backbone=tiny, windows=[Window.full(size)])
        assert found.value == alone[size]
    assert sizes == [(16, 22)] * 2 + [(32, 44)] * 6


def test_positions_of_a_layer_are_others_each_time(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_neighbors, "POSITIONS", 64)
    loss = LayerNeighbors(picture(0), picture(1), LAYERS)
    for layer, cell in (("relu1_1", 5), ("relu2_1", 3), ("relu3_1", 2)):
        drawn = []
        for stage in range(2):
            bound = loss.bind(BindContext(tiny, SIZE, present=picture(0), stage=stage))
            drawn.append(bound.drawn[layer])  # type: ignore[attr-defined]
        assert not torch.equal(drawn[0].rows, drawn[1].rows)
        # One in each cell of the layer, so that none is forgotten.
        height, width = (side // drawn[0].stride for side in SIZE)
        cells = {
            (int(y) // cell, int(x) // cell) for y, x in zip(drawn[0].rows, drawn[0].columns, strict=True)
        }
        assert len(cells) == len(drawn[0]) == -(-height // cell) * -(-width // cell)


# Reduced images


def test_pyramid_are_the_losses_of_reduced_images(tiny: Tiny) -> None:
    photo, painting, now = (picture(seed, (64, 96)) for seed in range(3))
    fine, forms = Neighbors(photo, painting, LAYERS), Content(painting, LAYERS)
    found = at(Pyramid(fine, forms, least=12), tiny, now)
    total, slope = 0.0, torch.zeros_like(now)
    for size, loss in (((16, 24), fine), ((8, 12), fine + forms)):
        leaf = now.clone().requires_grad_()
        small = tensors.resize(leaf, size)
        part = at(loss, tiny, small.detach())
        total += part.value
        slope += torch.autograd.grad(small, leaf, part.gradient)[0]
    assert found.value == pytest.approx(total, rel=1e-12)
    assert torch.allclose(found.gradient, slope, rtol=1e-9)


def test_pyramid_add_to_other_losses_with_their_weight(tiny: Tiny) -> None:
    photo, painting, now = (picture(seed, (64, 96)) for seed in range(3))
    own, pyramid = Content(photo, LAYERS), Pyramid(Content(painting, LAYERS), least=24)
    both = at(own * 2 + pyramid * 0.5, tiny, now)
    one, other = at(own, tiny, now), at(pyramid, tiny, now)
    assert both.value == pytest.approx(2 * one.value + 0.5 * other.value, rel=1e-12)
    assert torch.allclose(both.gradient, 2 * one.gradient + 0.5 * other.gradient, rtol=1e-9)
    assert both.value == pytest.approx(sum(both.terms.values()), rel=1e-12)


def test_pyramid_in_tiles_are_those_of_the_whole(tiny: Tiny) -> None:
    photo, painting, now = picture(0, (90, 106)), picture(1, (52, 40)), picture(2, (90, 106))
    loss = Neighbors(photo, painting, LAYERS) + Pyramid(Neighbors(photo, painting, LAYERS), least=24)
    whole, tiles = (at(loss, tiny, now, present=photo, tiles=t) for t in (False, True))
    assert tiles.value == pytest.approx(whole.value, rel=1e-9)
    assert float((tiles.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-9


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((200, 447), []),
        ((448, 200), [(112, 50)]),
        ((512, 3), [(128, 1)]),
        ((1024, 512), [(256, 128), (128, 64)]),
    ],
)
def test_an_image_is_reduced_down_to_the_least_side(size: Size, sizes: list[Size]) -> None:
    assert reductions(size, 112) == sizes


def test_an_image_without_reduced_sizes_has_its_own_losses_alone(tiny: Tiny) -> None:
    photo, now = picture(0), picture(1)
    content = Content(photo, LAYERS)
    assert at(content + Pyramid(content), tiny, now).value == at(content, tiny, now).value
    assert at(Pyramid(content), tiny, now).value == 0


def test_pyramid_relative_to_an_image_are_one_there(tiny: Tiny) -> None:
    photo, painting = picture(0, (64, 96)), picture(1, (64, 96))
    loss = Pyramid(Content(photo, LAYERS), least=24).relative(painting)
    assert at(loss, tiny, painting).value == pytest.approx(1.0, rel=1e-6)
