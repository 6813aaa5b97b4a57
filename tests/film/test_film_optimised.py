"""Videos by optimization: the temporal loss compared to its formula, and the cost of later frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import impasto
from impasto import image, losses, methods, painters, samples, tensors
from impasto.backbones import PIXELS, Tiny
from impasto.errors import InputError
from impasto.films import FilmProgress, paint_film
from impasto.films.optimized import FOLLOWING, MovingPainter, following_schedule
from impasto.jobs import StylizeJob, VideoJob
from impasto.losses import BindContext, FeatureCache, Temporal, fill_holes
from impasto.media import FilmWriter, flicker, open_film
from impasto.media.levels import unit
from impasto.methods.coarse_to_fine import Style
from impasto.optim import OptimizationResult, Stage, scales
from impasto.painters.optimize import border_of
from impasto.parametrizations import Pixels
from impasto.session import Enough, Session
from impasto.tiles import Window, split
from support.video import scene


def test_the_temporal_loss_is_its_formula_whole_and_in_tiles() -> None:
    generator = torch.Generator().manual_seed(0)
    picture, warped = (torch.rand(1, 3, 24, 32, generator=generator) for _ in range(2))
    mask = torch.rand(1, 1, 24, 32, generator=generator)
    bound = Temporal(warped, mask).bind(BindContext(Tiny(), (24, 32)))
    expected = float((mask * (picture - warped) ** 2).mean())
    whole = bound.measure({PIXELS: picture}, Window.full((24, 32)))
    assert float(bound.value(whole)) == pytest.approx(expected, rel=1e-5)
    parts = [
        bound.measure({PIXELS: window.read(picture)}, window)
        for window in split((24, 32), tile=16, halo=4, stride=4)
    ]
    total = {"squares": torch.stack([part["squares"] for part in parts]).sum(0)}
    assert float(bound.value(total)) == pytest.approx(expected, rel=1e-5)


def test_a_coarse_mask_trusts_no_pixel_that_covers_a_hole() -> None:
    mask = torch.ones(1, 1, 8, 8)
    mask[..., 3, 3] = 0
    bound = Temporal(torch.zeros(1, 3, 8, 8), mask).bind(BindContext(Tiny(), (4, 4)))
    found = bound.measure({PIXELS: torch.ones(1, 3, 4, 4)}, Window.full((4, 4)))
    assert float(found["squares"]) == 3 * 15
    with pytest.raises(InputError, match="mask is"):
        Temporal(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 4, 4))


def test_holes_are_filled_in_the_colors_around_them() -> None:
    photo = torch.from_numpy(scene(0).transpose(2, 0, 1)[None].astype(np.float32) / 255)
    painted = 0.5 * photo + 0.3
    mask = torch.ones(1, 1, 120, 160)
    mask[..., 40:70, 60:90] = 0
    mask[..., 100:106, :] = 0  # too narrow to be filled
    found = fill_holes(painted, mask, photo)
    hole = (slice(46, 64), slice(66, 84))
    outside = torch.ones(120, 160, dtype=torch.bool)
    outside[hole] = False
    assert (found[..., outside] == painted[..., outside]).all()
    inside = (found - painted)[..., hole[0], hole[1]].abs().mean()
    assert 0 < inside < (photo - painted)[..., hole[0], hole[1]].abs().mean()


def test_a_following_frame_stays_with_what_it_is_held_to_and_paints_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    content = torch.from_numpy(samples.photo("coffee")[:96, :128].transpose(2, 0, 1)[None].copy())
    style = torch.from_numpy(samples.style("waves", 96).transpose(2, 0, 1)[None].copy())
    warped = (content * 0.6 + 0.2).clamp(0, 1)
    mask = torch.ones(1, 1, 96, 128)
    mask[..., :, 64:] = 0
    network = Tiny()

    def painted(consistency: float) -> torch.Tensor:
        total = losses.Content(content, "relu3_1") + losses.Gram(style, {"relu1_1": 1.0, "relu2_1": 1.0})
        monkeypatch.setattr("impasto.methods.ruder2016.objective", lambda *_, **__: total)
        outcome = methods.following_frame(
            content,
            [Style(style)],
            warped=warped,
            mask=mask,
            schedule=(Stage((48, 64), 6), Stage((96, 128), 4)),
            backbone=network,
            loss="mixed",
            consistency=consistency,
        )
        assert outcome.evaluations <= 12
        return outcome.picture

    held, free = painted(1.0), painted(0.0)
    left, right = (slice(0, 56), slice(72, 128))
    assert (held - warped)[..., left].abs().mean() < 0.5 * (free - warped)[..., left].abs().mean()
    assert (held - warped)[..., right].abs().mean() > 2 * (held - warped)[..., left].abs().mean()


def test_what_comes_into_view_starts_from_a_painting(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[torch.Tensor] = []

    def minimized(total: losses.Loss, picture: Pixels, **_: object) -> OptimizationResult:
        starts.append(picture().detach())
        raise Enough

    painter = MovingPainter(
        StylizeJob(content="a frame", styles=("waves.png",), preset="draft", device="cpu"), consistency=0.9
    )
    frame, mask = scene(0), np.ones((120, 160), np.float32)
    mask[:, 60:] = 0
    painter.begin(unit(frame))
    monkeypatch.setattr("impasto.methods.ruder2016.minimize", minimized)
    with pytest.raises(Enough):
        painter(frame, unit(frame), mask)
    border = border_of(painter.job)
    start = tensors.to_array(starts[0][..., border : border + 120, border : border + 160])
    image.write("frame.png", frame)
    quick = impasto.stylize("frame.png", ["waves.png"], instant=True, size="original").picture
    assert np.abs(start - unit(frame))[:, :50].mean() < 0.01  # what is held
    detail = [p[:, 90:] - cv2.blur(p, (31, 31))[:, 90:] for p in (start, quick, unit(frame))]
    assert np.abs(detail[0] - detail[1]).mean() < 0.3 * np.abs(detail[0] - detail[2]).mean()


def test_what_was_seen_of_a_style_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    style, frames = torch.rand(1, 3, 64, 64), torch.rand(2, 1, 3, 64, 64)
    network, seen, size = Tiny(), FeatureCache([style]), (64, 64)
    layers = frozenset({"relu1_1", "relu2_1"})
    looks: list[torch.Tensor] = []
    real = BindContext._features

    def counted(self: BindContext, picture: torch.Tensor, *rest: object) -> dict[str, torch.Tensor]:
        looks.append(picture)
        return real(self, picture, *rest)  # type: ignore[arg-type]

    alone = [
        BindContext(network, size).moments(style, layers),
        BindContext(network, size).moments(frames[1], layers),
    ]
    monkeypatch.setattr(BindContext, "_features", counted)
    for frame in frames:
        scene_of_frame = BindContext(network, size, seen=seen)
        found = [scene_of_frame.moments(style, layers), scene_of_frame.moments(frame, layers)]
    assert sum(picture is style for picture in looks) == 1 and len(looks) == 3
    for mine, other in zip(found, alone, strict=True):
        assert all(torch.equal(mine[k].cov, other[k].cov) for k in layers)


def test_a_following_frame_costs_a_quarter_of_a_first_one() -> None:
    assert sum(FOLLOWING) <= 0.25
    for size in ((216, 384), (360, 640), (60, 80)):
        plan = scales(size, steps=(60, 36, 20, 10, 5))
        assert sum(s.steps for s in following_schedule(plan)) <= max(2, sum(s.steps for s in plan) / 4)
        assert following_schedule(plan)[-1].size == size


SMALL = (72, 96)


def small(number: int) -> np.ndarray:
    """A frame of the scene, smaller."""
    return np.asarray(cv2.resize(scene(number), SMALL[::-1], interpolation=cv2.INTER_AREA))


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(painters.BUDGETS, "draft", painters.Budget(96, 64, (8, 2)))
    image.write("waves.png", samples.style("waves", 128))
    writer = FilmWriter(Path("film.mkv"), SMALL)
    for number in range(4):
        writer.write(small(number), Fraction(number, 10))
    writer.close()
    return tmp_path


def test_a_film_is_painted_like_a_painting(film: Path, narrow_vgg19: None) -> None:
    job = VideoJob(film="film.mkv", styles=("waves.png",), preset="draft")
    result = paint_film(job, out=Path("out.mkv"))
    assert result.frames == result.painted == 4 and result.size == SMALL
    paint_film(
        VideoJob(**{**job.settings(), "consistency": 0.0, "styles": ("waves.png",)}), out=Path("alone.mkv")
    )
    painted, alone, own = (
        [f.rgb for f in open_film(p).frames()] for p in ("out.mkv", "alone.mkv", "film.mkv")
    )
    assert flicker(painted, own).error < 0.6 * flicker(alone, own).error
    assert np.abs(painted[0].astype(int) - own[0]).mean() > 8  # something was painted


def test_a_killed_film_goes_on_and_ends_alike(
    film: Path, narrow_vgg19: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.films.frame_painters.Paintings.part", 2)
    job = VideoJob(film="film.mkv", styles=("waves.png",), preset="draft", color="content")
    paint_film(job, out=Path("whole.mkv"))
    counts: list[int] = []

    def told(progress: object) -> None:
        counts.append(1)
        if len(counts) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint_film(job, out=Path("out.mkv"), session=Session(on_progress=told))
    assert paint_film(job, out=Path("out.mkv")).done == 2
    whole, again = ([f.rgb for f in open_film(p).frames()] for p in ("whole.mkv", "out.mkv"))
    assert all((a == b).all() for a, b in zip(whole, again, strict=True))


def test_where_no_mask_is_white_the_film_itself_stays(film: Path, narrow_vgg19: None) -> None:
    mask = np.zeros((*SMALL, 3), np.float32)
    mask[:, 48:] = 1
    image.write("mask.png", mask)
    own = [frame.rgb for frame in open_film("film.mkv").frames()]
    for style, more in (("waves.png", {"preset": "draft"}), ("waves", {"network": "tiny"})):
        shown: list[np.ndarray] = []

        def told(progress: FilmProgress, kept: list[np.ndarray] = shown) -> None:
            assert progress.picture is not None
            kept.append(progress.picture)

        settings = {"film": "film.mkv", "styles": [style], "mask": ["mask.png"], "end": 0.2, "device": "cpu"}
        paint_film(
            VideoJob.parse({**settings, **more}), out=Path(f"{style}.mkv"), session=Session(on_progress=told)
        )
        for frame, painted in zip(own[:2], shown, strict=True):
            assert (painted[:, :47] == frame[:, :47]).all()  # as in a photo, to the last bit
            assert np.abs(painted[:, 49:].astype(int) - frame[:, 49:]).mean() > 8


def test_gray_stays_gray_from_frame_to_frame(film: Path) -> None:
    painter = MovingPainter(
        StylizeJob(content="a frame", styles=("waves.png",), preset="draft", color="luminance"),
        consistency=0.85,
    )
    frame = small(0)
    first = painter(frame, None, None)
    again = painter(frame, first, np.ones(frame.shape[:2], np.float32))
    assert np.abs(again - first).mean() < 0.05
    assert painter.evaluations[1] <= painter.evaluations[0] / 4 + 4
    with pytest.raises(InputError, match="too small"):
        painter(frame[:20], None, None)
