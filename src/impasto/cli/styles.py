"""``impasto styles ...`` and ``impasto export``: list, add, remove, describe and export learned styles."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.options import OUT, Overwrite, Reporting, expand_dataclasses
from impasto.cli.say import say, say_paths, tell
from impasto.errors import InputError, OutputError

if TYPE_CHECKING:
    from impasto.networks.library import InstalledStyle
    from impasto.networks.packs import Pack

styles = typer.Typer(help="List and manage styles.", no_args_is_help=True, rich_markup_mode=None)


@styles.command("samples")
@expand_dataclasses
def samples(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help=OUT)] = Path("samples"),
    size: Annotated[int, typer.Option("--size", "-s", help="Side of the style images, 32 to 768 px.")] = 768,
    overwrite: Overwrite = False,
    showing: Reporting,
) -> None:
    """Write the sample photographs, style images and video."""
    from impasto.verbs import demo

    say_paths(demo.write_samples(out, size=size, overwrite=overwrite), as_json=showing.json)


@styles.command("list")
@expand_dataclasses
def show(showing: Reporting) -> None:
    """List the learned styles: your own, then those bundled with impasto."""
    from impasto.networks import library

    found = library.list_styles()
    if showing.json:
        say(json.dumps([_style_entry(known) for known in found]))
    elif not found:
        say("no learned styles yet: add one with impasto learn PAINTING --photos FOLDER")
    for known in [] if showing.json else found:
        where = "shipped" if known.shipped else "yours"
        say(f"{known.name:24} {known.pack.plan.name:8} {where:8} {known.style.credits}".rstrip())


def _style_entry(known: InstalledStyle) -> dict[str, Any]:
    style = known.style
    return {
        "name": known.name,
        "network": known.pack.plan.name,
        "shipped": known.shipped,
        "file": known.path.name,
        "title": style.title,
        "credit": style.credit,
        "licence": style.licence,
        "scales": list(style.scales),
        "recipe": dict(style.recipe),
    }


@styles.command("sheet")
@expand_dataclasses
def sheet(
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=OUT)] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write styles.html, with title, credit and license of each style.")
    ] = False,
    photo: Annotated[Path | None, typer.Option(help="Photo to stylize. Default: a sample.")] = None,
    network: Annotated[str | None, typer.Option(help="Only styles of this network.")] = None,
    overwrite: Overwrite = False,
    showing: Reporting,
) -> None:
    """Stylize one photo with every learned style, on one sheet with the style images."""
    from impasto import files
    from impasto.verbs import style_sheet

    target = out or Path("styles.html" if html else "styles.png")
    if html and target.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{target} must end in .html: --html writes a page")
    files.protect_inputs(target, (photo,))
    files.check_output(target, overwrite=overwrite)
    write = style_sheet.write_page if html else style_sheet.draw
    write(target, photo=photo, network=network, overwrite=overwrite)
    say(json.dumps({"output": str(target)}) if showing.json else str(target))


@styles.command("add")
@expand_dataclasses
def add(
    file: Annotated[Path, typer.Argument(help="Pack or .style file.", show_default=False)],
    *,
    overwrite: Overwrite = False,
    showing: Reporting,
) -> None:
    """Show title, credit and license of a pack or a style, and install it, so that it is found by name."""
    from impasto import files
    from impasto.networks import library

    pack = library.open_pack(file)
    one = pack.names[-1] if file.suffix == library.STYLE_SUFFIX else None
    target = library.user_folder() / (f"{one}{library.STYLE_SUFFIX}" if one else file.name)
    names = [one] if one else pack.names
    told = {name: pack.style(name).credits for name in names}
    for name, credits in () if showing.json else told.items():
        say(f"{name}: {credits}")
    files.copy(file, target, overwrite=overwrite)
    for name in {known.name for known in library.list_styles() if known.shipped}.intersection(names):
        tell(f"{name}: your style replaces the shipped one of that name")
    said = {"output": str(target), "styles": list(names), "credits": told}
    say(json.dumps(said) if showing.json else str(target))


@styles.command("remove")
@expand_dataclasses
def remove(
    name: Annotated[str, typer.Argument(help="Name of the style.", show_default=False)],
    showing: Reporting,
) -> None:
    """Remove one of your own styles; its pack is deleted with its last style."""
    from impasto.networks import library, packs

    found = [known for known in library.list_styles() if known.name == name and not known.shipped]
    if not found:
        raise InputError(f"'{name}' is not one of your own styles: impasto styles list shows them")
    path = found[0].path
    rest = found[0].pack.remove_style(name)
    if path.suffix == library.STYLE_SUFFIX or not rest.styles:
        path.unlink()
    else:
        packs.save(rest, path, overwrite=True)
    say(json.dumps({"removed": name, "from": str(path)}) if showing.json else f"removed {name} from {path}")


@styles.command("describe")
@expand_dataclasses
def describe(
    name: Annotated[
        str, typer.Argument(help="One of your own styles, or PACK.safetensors#NAME.", show_default=False)
    ],
    *,
    title: Annotated[str | None, typer.Option(help="Title of the painting.")] = None,
    credit: Annotated[str | None, typer.Option(help="Artist and year.")] = None,
    license: Annotated[str | None, typer.Option(help="License of the painting, or 'public domain'.")] = None,
    showing: Reporting,
) -> None:
    """Write title, credit and license of the painting into a style's file; 'styles list' shows them."""
    from impasto.networks import library, packs

    given = {"title": title, "credit": credit, "licence": license}
    texts = {key: text for key, text in given.items() if text is not None}
    known = library.find(name)
    if known is None:
        raise library.unknown_style_error(name)
    if known.shipped:
        raise InputError(f"'{name}' is bundled with impasto: only your own styles can be described")
    if not texts:
        raise InputError("nothing to write: give --title, --credit or --license")
    pack = known.pack.replace_credits(known.name, texts)
    if known.path.suffix == library.STYLE_SUFFIX:
        packs.save_style(pack, known.name, known.path, overwrite=True)
    else:
        packs.save(pack, known.path, overwrite=True)
    say(
        json.dumps({"style": known.name, **texts})
        if showing.json
        else f"{known.path}: {known.name} described"
    )


@expand_dataclasses
def export(
    name: Annotated[str, typer.Argument(help="Learned style or pack.", show_default=False)],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="STYLE.onnx for other programs, or STYLE.style to share one style."),
    ] = None,
    web: Annotated[
        Path | None,
        typer.Option(help="Folder for a web page that paints in the visitor's browser."),
    ] = None,
    overwrite: Overwrite = False,
    showing: Reporting,
) -> None:
    """Export a learned style as ONNX (the whole pack), as a .style file, or as a web page."""
    from impasto import files
    from impasto.networks import library, packs

    path = library.pack_file(name)
    whole = path.suffix == library.PACK_SUFFIX and path.exists()
    known = None if whole else library.find(name)
    if not whole and known is None:
        raise library.unknown_style_error(name)
    pack = library.open_pack(path) if known is None else known.pack
    if web is not None:
        if out is not None:
            raise InputError("--web writes a folder and -o a file: give one of them")
        names = pack.names if known is None else [known.name]
        _export_page(pack, names, web, overwrite=overwrite, as_json=showing.json)
        return
    target = out or Path(f"{known.name if known else path.stem}.onnx")
    files.check_output(target, overwrite=overwrite)
    if target.suffix == library.STYLE_SUFFIX:
        if known is None:
            raise InputError(f"a .style file holds one style: choose one, e.g. {name}#{pack.names[0]}")
        packs.save_style(pack, known.name, target, overwrite=overwrite)
    elif target.suffix == ".onnx":
        with _require_onnx():
            from impasto.networks import onnx_export
        onnx_export.export(pack, target, overwrite=overwrite)
    else:
        raise OutputError(f"{target} must end in .onnx or .style")
    own = list(known.style.rows) if known is not None and target.suffix == ".onnx" else None
    say(json.dumps({"output": str(target), "rows": own}) if showing.json else str(target))
    if known is not None and own is not None:
        tell(f"{known.name} is row {', '.join(map(str, own))} of {len(pack.rows)}, counted from 0")


def _export_page(pack: Pack, names: Sequence[str], folder: Path, *, overwrite: bool, as_json: bool) -> None:
    with _require_onnx():
        from impasto import web
    web.write(pack, names, folder, overwrite=overwrite)
    say(json.dumps({"output": str(folder)}) if as_json else str(folder))
    tell(f"to see the page: python -m http.server -d {shlex.quote(str(folder))}, then http://localhost:8000")


@contextmanager
def _require_onnx() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InputError(f"export needs {error.name}: pip install '.[export]', in the clone") from error
