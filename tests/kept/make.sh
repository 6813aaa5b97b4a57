#!/bin/sh
# Makes the files of this folder, with the version of impasto that `impasto` and `python` run: 0.1.0.
# Run it in an empty folder.
set -e
export OMP_NUM_THREADS=1 IMPASTO_STYLES=none
paint() { impasto "$@" --quiet; }

# Small cuts of the samples: a photo, two style images, a video of two shots.
python - <<'END'
from fractions import Fraction
from pathlib import Path
from impasto import image, samples
from impasto.samples import film
from impasto.video import FilmWriter

image.write(Path("photo.png"), image.resize(samples.photo("coffee")[:, 100:500], (48, 48)))
image.write(Path("style.png"), image.resize(samples.style("mosaic", 192)[:96, :96], (48, 48)))
image.write(Path("other.png"), image.resize(samples.style("marbling", 192)[:96, :96], (48, 48)))
writer = FilmWriter(Path("film.mp4"), (32, 32), rate=Fraction(5))
for number, rgb in enumerate(film.drive((32, 32), fps=5, seconds=2)):
    writer.write(rgb, Fraction(number, 5), Fraction(1, 5))
writer.close()
END

# A pack and two .style files: one learned into this pack, one into the shipped network of the time.
learn="--photos . --scales 1 --batch 1 --side 64 --precision float32 --device cpu"
paint learn style.png $learn --steps 20 -o mine.safetensors
paint learn other.png $learn --into mine.safetensors --steps 20 -o other.style
paint learn other.png $learn --into quality --steps 3 -o shipped.style

# Images with their recipes.
exact="--precision float32 --device cpu"
paint stylize photo.png waves --size 32 $exact -o learned.png
paint stylize photo.png mine.safetensors $exact -o own.png
paint stylize photo.png style.png --preset draft $exact -o neighbors.png
paint stylize photo.png style.png --loss mixed --preset draft $exact -o mixed.png
paint photoreal photo.png style.png --classes 2 $exact --save-look light.look -o photoreal.png
paint dream photo.png --size 32 --octaves 2 --steps 9,2 --layers relu3_1 $exact -o dream.png

# A video with its recipe, and the parts of one that was killed at its eighth frame of ten.
paint video film.mp4 mine.safetensors $exact -o painted.mp4
cat >killed.py <<'END'
"""Run a command, and end the process as a kill does: at a frame, a checkpoint or a row of a batch."""

import os
import sys

from impasto.batch.manifest import Manifest
from impasto.cli import main
from impasto.optim import Checkpoint
from impasto.video import Segments

POINTS = {"video": (Segments, "write", 8), "batch": (Manifest, "add", 3)}


def end_after(kind, name, calls):
    inner, count = getattr(kind, name), 0

    def call(*given, **named):
        nonlocal count
        found = inner(*given, **named)
        count += 1
        if count == calls:
            os._exit(9)
        return found

    setattr(kind, name, call)


if __name__ == "__main__":
    end_after(*POINTS.get(sys.argv[1], (Checkpoint, "save", 1)))
    main(sys.argv[1:])
END
killed() { python killed.py "$@" --quiet || true; }
killed video film.mp4 mine.safetensors $exact --consistency 0.9 -o half.mp4

# Checkpoints of runs that were killed.
killed dream photo.png --size 32 --octaves 2 --steps 9,2 --layers relu3_1 $exact --save-every 4 -o slept.png
killed stylize photo.png style.png --loss mixed --preset draft $exact --save-every 1 -o mixing.png

# A batch: the first of three jobs is done, the second has begun.
for strength in 1.0 0.7 0.4; do
    echo "{\"content\": \"photo.png\", \"styles\": [\"mine.safetensors\"], \"strength\": $strength, \"precision\": \"float32\", \"device\": \"cpu\", \"output\": \"$strength.png\"}"
done >jobs.jsonl
killed batch jobs.jsonl --workers 1 -o batch
sleep 2 # until the workers have ended
rm killed.py other.png
