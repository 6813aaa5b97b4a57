"""From job to image, on small images; tests that take ``vgg19`` see what the real network sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import impasto
from impasto import image, losses, samples, tensors
from impasto.backbones import Vgg
from impasto.errors import InputError
from impasto.jobs import Method
from impasto.losses import LAYERS, BindContext, Gram
from impasto.painters.optimize import pad_image
from impasto.record import Watch
from impasto.tiles import Window

Array = NDArray[np.float32]
SIDE = 64
pytestmark = pytest.mark.usefixtures("narrow_vgg19")


@pytest.fixture(scope="module")
def photo() -> Array:
    return image.resize(samples.photo("astronaut"), (SIDE, SIDE))


@pytest.fixture(scope="module")
def waves() -> Array:
    return samples.style("waves", 96)


@pytest.fixture(scope="module")
def mosaic() -> Array:
    return samples.style("mosaic", 96)


def paint(photo: Array, styles: list[Array], **settings: Any) -> Array:
    return impasto.stylize(photo, list(styles), preset="draft", size=SIDE, **settings).picture


def distance(network: Vgg, picture: Array, style: Array) -> float:
    """Relative Gram distance, mean of the five layers."""
    found = impasto.metrics.style_distance(picture, style, backbone=network)
    return float(np.mean([layer["gram"] for layer in found.values()]))


@pytest.mark.parametrize("loss", ["neighbors", "gram", "wasserstein", "meanvar", "mixed"])
def test_strength_nothing_gives_the_photo_back(photo: Array, waves: Array, loss: str) -> None:
    assert np.abs(paint(photo, [waves], strength=0.0, loss=loss) - photo).max() <= 2 / 255


@pytest.mark.parametrize("kept", ["content", "luminance"])
def test_strength_nothing_keeps_the_colors_too(photo: Array, waves: Array, kept: str) -> None:
    assert np.abs(paint(photo, [waves], strength=0.0, color=kept) - photo).max() <= 2 / 255


@pytest.mark.parametrize(("height", "width"), [(200, 1), (1, 1), (5, 7)])
def test_a_narrow_style_is_a_style(photo: Array, height: int, width: int) -> None:
    narrow = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    painted = paint(photo, [narrow])
    assert np.isfinite(painted).all()
    assert np.abs(painted - photo).mean() > 0.02


def test_a_style_of_one_color_is_warned_about(photo: Array, caplog: pytest.LogCaptureFixture) -> None:
    painted = paint(photo, [np.full((40, 40, 3), 0.25, np.float32)])
    assert "has only one color" in caplog.text
    assert painted.std((0, 1)).max() < 0.05


@pytest.mark.parametrize("loss", ["neighbors", "mixed"])
def test_negative_weights_are_refused(photo: Array, waves: Array, mosaic: Array, loss: str) -> None:
    with pytest.raises(InputError, match="not negative"):
        paint(photo, [waves, mosaic], weights=[-1.0, 2.0], loss=loss)


def test_an_image_is_extended_by_reflection() -> None:
    rows = torch.arange(60.0).view(1, 1, 60, 1).expand(1, 1, 60, 50)
    wide, (rows_kept, columns_kept) = pad_image(rows, 8)
    assert wide.shape == (1, 1, 76, 66)
    assert torch.equal(wide[..., rows_kept, columns_kept], rows)
    assert wide[0, 0, :9, 0].tolist() == [7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert pad_image(rows)[0] is rows
    assert pad_image(rows[..., :20, :])[0].shape == (1, 1, 48, 50)


def test_a_painting_comes_near_its_style_and_half_the_strength_is_no_ghost(
    vgg19: Vgg, photo: Array, waves: Array
) -> None:
    full, half = paint(photo, [waves]), paint(photo, [waves], strength=0.5)
    ends = distance(vgg19, full, waves), distance(vgg19, photo, waves)
    assert full.shape == (SIDE, SIDE, 3) and full.dtype == np.float32
    assert ends[0] < 0.5 * ends[1]
    assert ends[0] < distance(vgg19, half, waves) < ends[1]
    # The best cross-fade of photo and painting, in the least squares of pixels, is another picture: what
    # half the strength adds to the photo does not lie along what the full strength adds.
    toward, moved = (full - photo).ravel(), (half - photo).ravel()
    along = float(toward @ moved) / float(toward @ toward)
    left_over = np.linalg.norm(moved - along * toward) / np.linalg.norm(moved)
    assert left_over > 0.35


def test_one_seed_one_picture(photo: Array, waves: Array, brief: None) -> None:
    one, other = (paint(photo, [waves], init="noise", seed=seed) for seed in (3, 3))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, paint(photo, [waves], init="noise", seed=4))


@pytest.mark.parametrize(
    ("loss", "blend"), [("neighbors", "moments"), ("mixed", "moments"), ("mixed", "barycenter")]
)
def test_a_style_of_no_weight_changes_nothing(
    photo: Array, waves: Array, mosaic: Array, brief: None, *, loss: str, blend: str
) -> None:
    alone = paint(photo, [waves], loss=loss)
    blended = paint(photo, [waves, mosaic], weights=[1.0, 0.0], loss=loss, blend=blend)
    assert np.abs(alone - blended).max() < 2 / 255


def test_where_no_mask_is_white_the_photo_itself_stays(photo: Array, waves: Array) -> None:
    mask = np.zeros(photo.shape[:2], np.float32)
    mask[:, 40:] = 1
    result = impasto.stylize(photo, waves, mask=_files(mask), preset="draft", size=max(photo.shape[:2]))
    assert np.abs(result.picture[:, :38] - photo[:, :38]).max() < 1 / 255
    assert np.abs(result.picture[:, 44:] - photo[:, 44:]).mean() > 0.02
    assert repr(result).startswith(f"<Result {photo.shape[1]}x{photo.shape[0]}, ")
    assert result._repr_png_()[:4] == b"\x89PNG"


def test_masks_keep_styles_in_their_places(vgg19: Vgg, photo: Array, waves: Array, mosaic: Array) -> None:
    left = np.zeros((SIDE, SIDE), np.float32)
    left[:, : SIDE // 2] = 1
    painted = impasto.stylize(
        photo, [waves, mosaic], preset="draft", size=SIDE, mask=_files(left, 1 - left)
    ).picture
    # Each half is nearer to its own style than the other half is.
    sides = [painted[:, : SIDE // 2 - 4], painted[:, SIDE // 2 + 4 :]]
    to_waves = [distance(vgg19, side, waves) for side in sides]
    to_mosaic = [distance(vgg19, side, mosaic) for side in sides]
    assert to_waves[0] / to_mosaic[0] < to_waves[1] / to_mosaic[1]


_FOLDER: list[Path] = []


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    _FOLDER[:] = [tmp_path]


def _files(*masks: Array) -> list[str]:
    """Masks are named by path in a job."""
    paths = [_FOLDER[0] / f"mask{i}.png" for i in range(len(masks))]
    for path, mask in zip(paths, masks, strict=True):
        image.write(path, np.repeat(mask[:, :, None], 3, axis=2), gray=True)
    return [str(path) for path in paths]


def test_the_pull_of_a_region_stays_in_it(vgg19: Vgg, photo: Array, waves: Array) -> None:
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., : SIDE // 2] = 1
    loss = Gram(waves, LAYERS[:2], mask=mask)
    bound = loss.bind(BindContext(vgg19, (SIDE, SIDE)))
    picture = tensors.from_array(photo).requires_grad_()
    value = bound.value(bound.measure(vgg19.features(picture, bound.layers), Window.full((SIDE, SIDE))))
    gradient = torch.autograd.grad(value, picture)[0]
    reach = vgg19.field("relu2_1") // 2 + 1
    assert float(gradient[..., SIDE // 2 + reach :].abs().max()) == 0
    assert float(gradient[..., : SIDE // 2].abs().max()) > 0


def test_the_colors_can_stay_the_photos(photo: Array, waves: Array) -> None:
    taken = impasto.metrics.palette_distance(paint(photo, [waves]), photo)
    for color in ("content", "luminance"):
        kept = paint(photo, [waves], color=color)
        assert impasto.metrics.palette_distance(kept, photo) < 0.6 * taken


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (3, 5), (17, 68), (49, 33)])
def test_any_size_comes_back_as_it_was(waves: Array, height: int, width: int) -> None:
    tiny = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    result = impasto.stylize(tiny, waves, preset="draft", size="original")
    assert result.picture.shape == (height, width, 3)
    assert np.isfinite(result.picture).all()


def test_alpha_and_depth_are_put_back(tmp_path: Path, photo: Array, waves: Array) -> None:
    alpha = np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    image.write(tmp_path / "cut-out.png", photo, alpha=alpha, bits=16)
    result = impasto.stylize(tmp_path / "cut-out.png", waves, preset="draft", size=32)
    result.save(tmp_path / "painted.png")
    back = image.read(tmp_path / "painted.png")
    assert back.bits == 16
    assert back.alpha is not None
    assert np.abs(back.alpha - image.resize(alpha, (32, 32))).max() < 1e-3
    # A format of 8 bits takes it too: the painting must not be lost for want of depth.
    assert image.read(result.save(tmp_path / "painted.jpg")).bits == 8


@pytest.mark.parametrize("method", ["paper", "tutorial"])
def test_the_classics_lower_their_loss(photo: Array, method: Method) -> None:
    style = samples.style("night", 96)
    result = impasto.stylize(photo, style, method=method, size=48, watch=_stop_after(12))
    found = [point.loss for point in result.history]
    assert found[-1] < 0.7 * found[0]


def _stop_after(steps: int) -> Watch:
    def watch(progress: impasto.Progress) -> None:
        if progress.step >= steps:
            raise KeyboardInterrupt

    return watch


def test_the_weight_of_the_style_is_an_option(photo: Array, waves: Array, brief: None) -> None:
    weak, usual = (paint(photo, [waves], loss="mixed", **given) for given in ({"style_weight": 0.1}, {}))
    assert np.abs(weak - photo).mean() < 0.7 * np.abs(usual - photo).mean()
    # One layer, and no smoothness.
    other = paint(photo, [waves], loss="mixed", layer_weights=[1, 0, 0, 0, 0], smoothness=0)
    assert np.abs(other - usual).mean() > 0.01


def test_a_stopped_run_keeps_what_there_is(photo: Array, waves: Array) -> None:
    result = impasto.stylize(photo, waves, preset="draft", size=SIDE, watch=_stop_after(3))
    assert result.stopped
    assert result.picture.shape == photo.shape
    assert 1 <= len(result.history) <= 3


def test_a_killed_run_goes_on_to_the_same_picture(tmp_path: Path, photo: Array, waves: Array) -> None:
    whole = impasto.stylize(photo, waves, preset="draft", size=SIDE)
    state = tmp_path / "state"

    def die(progress: impasto.Progress) -> None:
        if progress.step >= 9:
            raise RuntimeError("killed")

    options: dict[str, Any] = {"preset": "draft", "size": SIDE, "checkpoint": state, "save_every": 4}
    with pytest.raises(RuntimeError, match="killed"):
        impasto.stylize(photo, waves, watch=die, **options)
    resumed = impasto.stylize(photo, waves, resume=True, **options)
    assert np.array_equal(resumed.picture, whole.picture)
    with pytest.raises(InputError, match="other settings"):
        impasto.stylize(photo, waves, resume=True, strength=0.3, **options)


def test_a_classic_refuses_what_it_does_not_know(photo: Array, waves: Array, mosaic: Array) -> None:
    with pytest.raises(InputError, match="--method paper takes one style"):
        impasto.stylize(photo, [waves, mosaic], method="paper", size=32)


def test_reconstruction_finds_the_features_again(vgg19: Vgg, photo: Array) -> None:
    out = impasto.reconstruct(photo, "relu2_1", backbone=vgg19, size=48, steps=40)
    small = tensors.resize(tensors.from_array(photo), (48, 48)).clamp(0, 1)
    bound = losses.Content(small, "relu2_1").bind(BindContext(vgg19, (48, 48)))

    def value(picture: torch.Tensor) -> float:
        features = vgg19.features(picture, bound.layers)
        return float(bound.value(bound.measure(features, Window.full((48, 48)))))

    noise = torch.rand(small.shape, generator=torch.Generator().manual_seed(0))
    assert value(out.picture) < 0.1 * value(noise)
    with pytest.raises(InputError, match="content or style"):
        impasto.reconstruct(photo, "relu1_1", what="both", backbone=vgg19)  # type: ignore[arg-type]
