"""Learned styles through the command line: painting, listing, adding, removing, exporting."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import impasto
from conftest import Run
from impasto import color, files, image, samples
from impasto.errors import InputError
from impasto.jobs import LearnJob
from impasto.jobs.base import Color
from impasto.networks import LearnedStyle, library, packs, painter, predictor
from impasto.painters import learned
from impasto.training import learn
from support.networks import at_home, pack_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of styles of one's own with one pack in it, a photo, and nothing shipped."""
    at_home(tmp_path, monkeypatch)
    rgb = samples.photo("coffee")
    image.write("photo.png", image.resize(rgb, (90, 121)))
    return tmp_path


def test_a_name_paints_at_once_and_replays(run: Run, home: Path) -> None:
    code, said, wrong = run("stylize", "photo.png", "style1", "-o", "out.png")
    assert (code, wrong) == (0, "") and "121x90" in said
    assert run("replay", "out.png", "-o", "again.png")[0] == 0
    assert (image.read("out.png").rgb == image.read("again.png").rgb).all()
    (home / "styles" / "mine.safetensors").unlink()
    code, _, wrong = run("replay", "out.png", "-o", "third.png")
    assert code == 2 and "style1" in wrong


def test_a_large_photo_is_painted_in_tiles_without_floats(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = impasto.stylize("photo.png", ["style1"], precision="float32").picture
    mask = np.zeros((90, 121, 3), np.float32)
    mask[:, 40:90] = np.linspace(0, 1, 50)[None, :, None]
    image.write("mask.png", mask)
    masked = impasto.stylize("photo.png", ["style1"], mask=["mask.png"], precision="float32").picture
    monkeypatch.setattr(painter, "WHOLE", 3000)
    defaults = painter.Painter.paint_large.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "tile", 48)
    steps: list[tuple[int, int]] = []

    def watch(progress: impasto.Progress) -> None:
        steps.append((progress.step, progress.steps))
        assert progress.picture().shape == (1, 3, 90, 121)

    out = impasto.stylize("photo.png", ["style1"], statistics="exact", watch=watch)  # whatever the precision
    assert out.picture.dtype == np.uint8 and np.abs(out.picture / 255 - whole).max() <= 1.5 / 255
    assert [step for step, _ in steps] == list(range(1, steps[0][1] + 1)) and len(steps) > 6
    tiled = impasto.stylize("photo.png", ["style1"], mask=["mask.png"], statistics="exact").picture
    assert np.abs(tiled / 255 - masked).max() <= 2 / 255
    assert run("stylize", "photo.png", "style1", "-o", "out.jpg", "--mask", "mask.png")[0] == 0
    assert image.read("out.jpg").size == (90, 121)


def test_the_colors_of_a_large_photo_are_given_back_in_strips(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "STRIP", 32)
    photo = image.read("photo.png").rgb
    plain: dict[str, Any] = {"precision": "float32", "statistics": "exact"}
    ways: dict[Color, Any] = {"content": color.match_colors, "luminance": color.transfer_lightness}
    whole = impasto.stylize("photo.png", ["style1"], **plain).picture
    for how, recolor in ways.items():
        kept = impasto.stylize("photo.png", ["style1"], color=how, **plain).picture
        assert np.abs(kept - recolor(whole, photo)).max() < 1e-5
    image.write("photo.png", image.resize(photo, (90, 121)), overwrite=True)
    monkeypatch.setattr(painter, "WHOLE", 3000)
    for how, recolor in ways.items():
        kept = impasto.stylize("photo.png", ["style1"], color=how, **plain).picture
        assert kept.dtype == np.uint8
        # From a part of the pixels the palette is nearly the same.
        assert np.abs(kept / 255 - recolor(whole, photo)).mean() < 0.01


def test_a_style_learned_into_a_shipped_pack_lies_beside_ones_own(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = home / "shipped"
    shipped.mkdir()
    every = ("--curve", "loss.csv", "--preview", "looks", "--save-every", "1")
    Path("styles/mine.safetensors").rename(shipped / "fine.safetensors")
    monkeypatch.setattr(library, "SHIPPED", shipped)
    before = (shipped / "fine.safetensors").read_bytes()
    image.write("sea.png", samples.style("waves", 64))
    Path("photos").mkdir()
    image.write("photos/one.png", image.read("photo.png").rgb)
    options = ("--into", "fine", "--photos", "photos", "--steps", "1", "--side", "64", "--batch", "1", "-q")
    code, said, wrong = run("learn", "sea.png", "--scales", "1", *every, *options[:-1])
    assert code == 0, wrong
    assert "step 1, loss " in wrong and image.read("looks/000001.png").size == (128, 256)
    head, line = Path("loss.csv").read_text().splitlines()
    assert head.startswith("step,seconds,loss,") and line.startswith("1,")
    code, _, wrong = run("learn", "sea.png", "--curve", "loss.txt", *options)
    assert code == 2 and ".svg" in wrong
    with pytest.raises(InputError, match="not a folder"):
        learn(LearnJob(teacher="fine", photos="none", network="tiny"))  # the pack is found
    assert "sea.style" in said and (shipped / "fine.safetensors").read_bytes() == before
    assert run("stylize", "photo.png", "sea", "-o", "out.png")[0] == 0
    code, _, wrong = run("learn", "sea.png", "photo.png", *options)
    assert code == 2 and "one style" in wrong
    # A style whose pack is gone, as after an upgrade, says how to get it back.
    (shipped / "fine.safetensors").unlink()
    Path("styles/sea.style").rename("styles/lake.style")
    code, _, wrong = run("stylize", "photo.png", "lake", "-o", "lost.png")
    assert code == 2 and "lake.style" in wrong and "learn the style again" in wrong.splitlines()[-1]


def test_strength_weights_masks_and_colors_work_on_learned_styles(run: Run, home: Path) -> None:
    photo = image.read("photo.png").rgb

    def painted(*options: str) -> np.ndarray:
        code, _, wrong = run("stylize", "photo.png", "style1", *options, "-o", "o.png", "--overwrite")
        assert code == 0, wrong
        return image.read("o.png").rgb

    full = painted()
    assert np.abs(painted("--strength", "0") - photo).max() < 2 / 255
    both = painted("style2", "--weights", "1,0")
    assert np.abs(both - full).max() < 2 / 255
    mask = np.zeros((90, 121, 3), np.float32)
    mask[:, 60:] = 1
    image.write("mask.png", mask)
    masked = painted("--mask", "mask.png")
    left, right = (np.abs(masked[:, part] - photo[:, part]).mean() for part in (slice(40), slice(80, None)))
    assert left < 0.02 < right
    kept = painted("--color", "content")
    assert np.abs(kept.mean((0, 1)) - photo.mean((0, 1))).max() < 0.05
    painted("--color", "luminance")


def test_an_instant_style_of_one_color_is_told(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(library, "SHIPPED", predictor.FILE.parent)
    image.write("plain.png", np.full((64, 64, 3), 0.3, np.float32))
    assert run("stylize", "photo.png", "plain.png", "--instant", "-o", "out.png")[0] == 0
    assert "style plain.png has only one color" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stile1",), "style1"),
        (("style1", "photo.png"), "cannot be mixed"),
        (("style1", "--method", "paper"), "--method"),
        (("style1", "--blend", "barycenter"), "--blend"),
        (("photo.png#style1",), "photo.png#style1"),
        (("mine.safetensors",), "no such file"),
        (("styles/mine.safetensors",), "choose one"),
        (("styles/mine.safetensors#x",), "no style 'x'"),
        (("bad.safetensors#x",), "damaged"),
    ],
)
def test_a_style_that_cannot_be_used_is_told_in_one_line(
    run: Run, home: Path, arguments: tuple[str, ...], words: str
) -> None:
    Path("bad.safetensors").write_bytes(b"no pack")
    code, _, wrong = run("stylize", "photo.png", *arguments, "-o", "out.png")
    assert code == 2 and words in wrong and wrong.count("\n") == 1
    assert not Path("out.png").exists()


def test_styles_are_listed_added_removed_and_exported(run: Run, home: Path) -> None:
    code, said, _ = run("styles", "list", "--json")
    assert code == 0 and [entry["name"] for entry in json.loads(said)] == ["style1", "style2"]
    assert run("export", "style2", "-o", "style2.style")[0] == 0
    assert run("export", "style1", "-o", "pack.onnx")[0] == 0
    assert run("export", "style1", "-o", "pack.bmp")[0] == 2
    assert run("styles", "remove", "style2")[0] == 0
    code, said, _ = run("styles", "add", "style2.style")
    assert code == 0 and said.startswith("style2: T, license not known\n")
    assert {entry["name"] for entry in json.loads(run("styles", "list", "--json")[1])} == {"style1", "style2"}
    assert run("styles", "add", "style2.style")[0] == 2
    assert run("styles", "remove", "style9")[0] == 2
    code, _, wrong = run("styles", "sheet", "--photo", "photo.png")
    assert code == 0, wrong
    sheet = image.read("styles.png").rgb
    assert sheet.shape[:2] == (12 + 333 + 26, 2 * (12 + 448))  # the results at their full size
    assert sheet[340:364, :150].min() < 0.4 < sheet[340:364].mean()  # a name below
    corner = slice(6 + 333 - 93, 6 + 333), slice(6 + 448 - 93, 6 + 448)  # the style image, in a white frame
    assert (sheet[corner[0].start - 2, corner[1]] > 0.99).all()
    assert abs(sheet[corner] - 100 / 255).max() < 0.01  # its one color
    assert run("styles", "describe", "style2", "--title", "Harvest", "--credit", "An aunt, 1987")[0] == 0
    assert run("styles", "describe", "styles/mine.safetensors#style1", "--licence", "CC0")[0] == 0
    said = run("styles", "list")[1]
    assert "Harvest, An aunt, 1987, license not known\n" in said and "T, CC0\n" in said
    assert (
        run("styles", "describe", "style2", "--credit", "<An aunt>\x1b[2J", "--license", "CC BY-NC 4.0")[0]
        == 0
    )
    assert run("styles", "sheet", "--html", "--photo", "photo.png")[0] == 0
    page = Path("styles.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == 4
    assert "Harvest, &lt;An aunt&gt; [2J, CC BY-NC 4.0" in page and "<An aunt>" not in page
    assert run("export", "style2", "-o", "style2.style", "--overwrite")[0] == 0
    code, said, _ = run("styles", "add", "style2.style", "--overwrite")
    assert code == 0 and said.startswith("style2: Harvest, <An aunt> [2J, CC BY-NC 4.0\n"), said
    told = json.loads(run("doctor", "--licenses", "--json")[1])["styles"]
    assert told["style2, small"]["tier"] == "non-commercial research"
    assert (
        run("styles", "describe", "style1")[0] == run("styles", "describe", "nothing", "--title", "T")[0] == 2
    )


@pytest.mark.usefixtures("brief")
def test_networks_that_learned_the_painting_are_compared_each_by_its_own_name(
    run: Run, home: Path, narrow_vgg19: None
) -> None:
    image.write("sea.png", samples.style("waves", 64))
    learned_it = LearnedStyle("style1", rows=(), scales=(1.0,), picture=files.sha256("sea.png"))
    pack = pack_of(rows=2).remove_style("style1")
    for name in ("one", "two"):
        packs.save(pack.add_style(learned_it, pack.rows), home / "styles" / f"{name}.safetensors")
    command = ("compare", "photo.png", "sea.png", "-o", "sheet", "--size", "48", "--methods", "modern,modern")
    code, said, wrong = run(*command, "--json", "-q")
    assert code == 0, wrong
    names = [row["method"] for row in json.loads(said)["methods"]]
    assert names == ["modern", "learned-small", "learned-small-2"]
    assert all(image.read(f"sheet/{name}.png").size == (36, 48) for name in names)
    assert "style1 of two.safetensors" in Path("sheet/index.html").read_text()
    for name in ("index.html", "compare.png", "modern.png", "learned-small.png"):
        Path("sheet", name).unlink()
    code, _, wrong = run(*command)
    assert code == 2 and "learned-small-2.png" in wrong and not Path("sheet/modern.png").exists()
    code, _, wrong = run("compare", "photo.png", "style1")
    assert code == 2 and "file of the style image" in wrong


def test_painting_with_a_learned_style_loads_no_torch(home: Path) -> None:
    code = (
        "import sys\nfrom impasto.cli import main\n"
        "try: main(['stylize', 'photo.png', 'styles/mine.safetensors#style1', '-o', 'o.png'])\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_style_that_cannot_be_used_stands_in_nobodys_way(
    run: Run, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "styles" / "broken.style").write_bytes(b"no style at all")
    assert run("stylize", "photo.png", "style1", "-o", "out.png")[0] == 0
    assert "broken.style" in caplog.text
    code, _, wrong = run("stylize", "photo.png", "broken", "-o", "other.png")
    assert code == 2 and "broken.style" in wrong.splitlines()[-1]
    code, _, wrong = run("stylize", "photo.png", "style1", "--network", "johnson", "-o", "other.png")
    assert code == 2 and "not for johnson: leave out --network" in wrong


def test_any_painting_paints_at_once(run: Run, home: Path) -> None:
    image.write("sea.png", samples.style("waves", 96))
    image.write("wood.png", samples.style("woodcut", 96))
    code, said, wrong = run("stylize", "photo.png", "sea.png", "--instant", "-o", "sea-out.png")
    assert (code, wrong) == (0, "") and "121x90" in said
    sea = image.read("sea-out.png").rgb
    assert run("replay", "sea-out.png", "-o", "again.png")[0] == 0
    assert (image.read("again.png").rgb == sea).all()

    def painted(*options: str) -> np.ndarray:
        code, _, wrong = run("stylize", "photo.png", *options, "--instant", "-o", "o.png", "--overwrite")
        assert code == 0, wrong
        return image.read("o.png").rgb

    assert np.abs(painted("sea.png", "--seed", "4") - sea).mean() > 0.005
    wood, photo = painted("wood.png"), image.read("photo.png").rgb
    both = painted("sea.png", "wood.png", "--weights", "0.5,0.5")
    assert np.abs(wood - sea).mean() > 0.05
    assert max(np.abs(both - wood).mean(), np.abs(both - sea).mean()) < np.abs(wood - sea).mean()
    assert np.abs(painted("sea.png", "--strength", "0") - photo).max() < 2 / 255
    # Nearer to the colors of the painting than the photo was.
    mean = image.read("sea.png").rgb.mean((0, 1))
    assert np.abs(sea.mean((0, 1)) - mean).sum() < 0.7 * np.abs(photo.mean((0, 1)) - mean).sum()


def test_a_tuned_style_is_kept_by_the_name_of_its_image(
    run: Run,
    home: Path,
    narrow_vgg19: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(library, "SHIPPED", predictor.FILE.parent)
    image.write("sea.png", samples.style("waves", 96))
    options = ("sea.png", "--instant", "--tune", "0.1")  # a step begins before the time is up
    assert run("stylize", "photo.png", *options, "-o", "tuned.png")[0] == 0
    assert "kept as the style 'sea'" in caplog.text
    kept = library.find("sea")
    assert kept is not None and kept.path == library.user_folder() / "sea.style"
    assert kept.style.picture == files.sha256(Path("sea.png")) and kept.style.thumbnail
    rows, predicted = kept.pack.rows[-1], predictor.predict(image.read("sea.png").flat())
    assert 1e-4 < np.abs(rows - predicted).mean() < 0.1
    tuned = Path("tuned.png")
    # By name, once more with --tune, and as a recipe: the same style, and no second training.
    assert run("stylize", "photo.png", "sea", "-o", "named.png")[0] == 0
    caplog.clear()
    assert run("stylize", "photo.png", *options, "-o", "again.png")[0] == 0
    assert run("replay", str(tuned), "-o", "replayed.png")[0] == 0
    for other in ("named.png", "again.png", "replayed.png"):
        assert (image.read(other).rgb == image.read(tuned).rgb).all(), other
    assert caplog.text == ""
    assert run("stylize", "photo.png", "sea.png", "--instant", "--tune", "7", "-o", "longer.png")[0] == 0
    assert "'sea' was tuned for 0.1 s and is used as it is" in caplog.text
    assert (image.read("longer.png").rgb == image.read(tuned).rgb).all()
    # With smaller strokes: a style of its own. The image is too small for larger ones.
    image.write("bay.png", samples.style("waves", 320))
    options = ("bay.png", "--instant", "--tune", "0.1")
    assert run("stylize", "photo.png", *options, "-o", "bay-out.png")[0] == 0
    assert run("stylize", "photo.png", *options, "--style-scale", "0.4", "-o", "small.png")[0] == 0
    small, bay = library.find("bay_0_4"), library.find("bay")
    assert small is not None and bay is not None and small.style.scales == (0.4,)
    assert np.abs(small.pack.rows[-1] - bay.pack.rows[-1]).mean() > 1e-4
    code, _, wrong = run("stylize", "photo.png", *options, "--style-scale", "1.6", "-o", "o.png")
    assert code == 2 and "--style-scale 1.6 is not between 0.2 and 1.00, the range of bay.png" in wrong
    code, _, wrong = run("stylize", "photo.png", *options[:2], "--style-scale", "0.4", "-o", "o.png")
    assert code == 2 and "add --tune 30" in wrong
    image.write("waves.png", samples.style("waves", 96))
    code, _, wrong = run("stylize", "photo.png", "waves.png", *options[1:], "-o", "o.png")
    assert code == 2 and "'waves' is the name of a shipped style: rename the image" in wrong
    options = ("sea.png", "--instant", "--tune", "0.1")
    image.write("sea.png", samples.style("woodcut", 96), overwrite=True)
    code, _, wrong = run("stylize", "photo.png", *options, "-o", "o.png")
    assert code == 2 and "another image" in wrong and "impasto styles remove sea" in wrong
    code, _, wrong = run("stylize", "photo.png", "sea.png", "--tune", "30", "-o", "o.png")
    assert code == 2 and "--tune needs --instant" in wrong


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("style1",), "leave out --instant"),
        (("photo.png", "--network", "tiny"), "leave out --network"),
        (("photo.png", "--method", "paper"), "leave it out"),
        (("none.png",), "none.png"),
    ],
)
def test_what_cannot_be_instant_is_said(run: Run, home: Path, options: tuple[str, ...], words: str) -> None:
    code, _, wrong = run("stylize", "photo.png", *options, "--instant", "-o", "out.png")
    assert code == 2 and words in wrong and len(wrong.splitlines()) == 1
