"""Night: a street by day relit by what lights a street at night, and by nothing else.

In linear light, the picture is ``reflectance * (city + beam) + sky + lamps``, their glare, then the camera.
The *graded* picture is the same without beam and lamps: the difference of the two is what was lit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import cv2
import numpy as np

from impasto import color
from impasto.jobs.base import NightName
from impasto.looks import beam as roads
from impasto.looks import cars
from impasto.looks.beam import Road
from impasto.looks.cars import CarLamp
from impasto.looks.darkness import balance, camera_filter, desaturate, develop, motion_blur, noisy, planck
from impasto.looks.glare import SHARE, glare
from impasto.looks.lights import Draws, Emission, Lamps, emission
from impasto.looks.planes import Array, Bools, Bytes
from impasto.looks.plates import SIGN, plate_reflection
from impasto.looks.reflectance import Day, surface
from impasto.looks.skies import Sky, composite_sky, sky
from impasto.looks.streetlight import city, near_lamps

PAINT = 1.2  # the same of lane paint, by its glass beads
YELLOW = (0.55, 0.43, 0.02)  # part of red, green and blue in the light of sodium
FLARE = 0.025  # light that a lens adds to what is black by day
VEIL = 0.03  # share of light that dust and haze scatter by VEILED degrees: what a halo at night is
VEILED = 1.8
MIRRORED = np.float32(15)  # most light of a lamp that a wet road mirrors; it keeps its color
OWN = 0.45  # least light of the own headlights on a street without lamps, relative to that of its lamps
RED = (1.0, 0.03, 0.02)  # color of rear lamps


@dataclass(frozen=True)
class Night:
    """Settings of a night; light is relative to what the camera shows as white, on a white surface.

    Args:
        street: light of the street lamps on the road.
        low: the part of it that is the same everywhere, the rest comes in pools.
        wall: part of it on upright things at the height of the eyes.
        fall: angle above the horizon over which it falls by e, in radians.
        rest: light of the sky on everything.
        beam: light of the own headlights, where it is brightest.
        sky, glow: color of the sky at the top and at the horizon, linear sRGB.
        kelvin: range of the color temperature of the street lamps.
        render: share of the colors of things that their light shows, 0..1; sodium lamps have hardly a color
            but their own.
        white: color temperature the camera takes for white.
        gray: loss of color in the dark, 0..1.
        shot, read: noise of the sensor.
        blur: motion blur, relative to the distance from the vanishing point.
        wet: reflection of a wet road, 0..1.
    """

    street: float = 2.0
    low: float = 0.12
    wall: float = 0.45
    fall: float = 0.18
    rest: float = 0.008
    beam: float = 0.4
    sky: tuple[float, float, float] = (0.010, 0.0055, 0.0060)
    glow: tuple[float, float, float] = (0.020, 0.011, 0.007)
    kelvin: tuple[float, float] = (2050, 2450)
    render: float = 0.6
    white: float = 3300
    gray: float = 0.6
    shot: float = 0.00008
    read: float = 0.0004
    blur: float = 0.006
    wet: float = 0.0


NIGHTS: dict[NightName, Night] = {
    "city": Night(),
    "country": Night(
        street=0.04, low=1.0, rest=0.015, beam=2.2, sky=(0.002, 0.002, 0.003), glow=(0.006, 0.005, 0.005),
        kelvin=(2800, 3600), render=0.9, white=4000, shot=0.0003, read=0.0004,
    ),
    "dusk": Night(
        street=0.22, low=0.7, rest=0.10, beam=0.12, sky=(0.06, 0.09, 0.17), glow=(0.26, 0.20, 0.20),
        kelvin=(2300, 3000), render=0.8, white=4600, gray=0.25, shot=0.00008, read=0.0004,
    ),
    "wet": Night(wet=1.0, street=0.85, beam=0.3, kelvin=(2000, 2600)),
}  # fmt: skip


def settings_of(kind: NightName, *, lamps: bool) -> Night:
    """Return the settings of a night.

    If no street lamp is known, the street has half its light, and the own headlights at least ``OWN`` of it:
    light on a road comes from somewhere.
    """
    night = NIGHTS[kind]
    if lamps:
        return night
    return replace(night, street=night.street / 2, beam=max(night.beam, OWN * night.street))


@dataclass(frozen=True, eq=False)
class Scene:
    """What of a picture by day a night needs: its road, sky, reflectance, and the light of the lamps."""

    road: Road
    sky: Sky
    surface: Array
    emission: Emission
    headlight: Array
    city: Array


@dataclass(frozen=True, eq=False)
class Lit:
    """A night.

    ``rgb (H, W, 3)`` is an sRGB image, 0..1. ``on (H, W)`` holds the kinds of the lamps that are on.
    ``develop`` makes the image without lamps and beam.
    """

    rgb: Array
    on: Bytes
    develop: Callable[[], Array]

    @cached_property
    def graded(self) -> Array:
        """The same without lamps and beam, ``(H, W, 3)``, sRGB, 0..1; made when it is asked for."""
        return self.develop()


def _scene(
    photo: Array,
    lamps: Lamps,
    night: Night,
    draws: Draws,
    *,
    road: Road,
    known: Bools | None,
    day: Day | None,
) -> Scene:
    """Prepare a picture for a night; arguments as for :func:`render_night`."""
    above = sky(photo, horizon=road.horizon / road.size[0], known=known)
    kelvin = float(draws.of_part("kelvin").uniform(*night.kelvin))
    gains = balance(night.white)
    shine = emission(photo, lamps, draws, kelvin=kelvin, gains=gains)
    tint = planck(kelvin) * gains
    headlight = planck(float(draws.of_part("beam").uniform(2900, 3600))) * gains
    lamplight = (np.float32(night.street) * tint).astype(np.float32)
    near = near_lamps(photo, above.alpha, lamps, road)
    street = city(road, lamps, draws, near=near, low=night.low, wall=night.wall, fall=night.fall)
    own = (np.float32(night.beam) * headlight).astype(np.float32)
    reflected = surface(above.front, above.alpha, horizon=road.horizon / road.size[0], day=day)
    # What is small is lit evenly by day: its own light says how much it reflects.
    small = np.maximum(color.to_linear(above.front) - np.float32(FLARE), 0)
    reflected = reflected + near[..., None].clip(0, 1) * (small - reflected)
    return Scene(road, above, reflected, shine, own, street[..., None] * lamplight)


def _sky(road: Road, night: Night) -> Array:
    """Return the light of the sky ``(H, 1, 3)``, with the glow of the city over the horizon."""
    up = (road.horizon - np.arange(road.size[0])[:, None, None]) / road.focal
    top, low = (np.array(c, np.float32) for c in (night.sky, night.glow))
    return np.asarray(top + (low - top) * np.exp(-np.maximum(up, 0) / 0.12), np.float32)


def render_night(
    photo: Array,
    lamps: Lamps,
    night: Night,
    draws: Draws,
    *,
    graded: Array | None = None,
    road: Road | None = None,
    known: Bools | None = None,
    day: Day | None = None,
    frame: int = 0,
    plates: bool = True,
) -> Lit:
    """Turn a picture by day into one at night, with its lamps lit.

    Args:
        photo: image by day, ``(H, W, 3)``, sRGB, 0..1.
        lamps: its lamps, at the same size.
        graded: the picture in the light of a night already, ``(H, W, 3)``, sRGB; then only lamps, beam and
            glare are added. Default: relit by the settings.
        road: view of the road. Default: found.
        known: where the sky is, from labels. Default: found.
        day: light of the day in the shot. Default: that of the photo.
        frame: number of the frame in a video, which changes the noise.
        plates: whether number plates throw the own beam back. Not in videos: a plate that is found in some
            frames flickers.
    """
    given = _scene(photo, lamps, night, draws, road=road or Road.of(photo), known=known, day=day)
    own, shine = given.surface, given.emission
    if graded is None:
        # Under light of a single color, a thing shows how light it is there.
        yellow = own @ np.array(YELLOW, np.float32)
        shown = own + np.float32(1 - night.render) * (yellow[..., None] - own)
        dark = (shown * given.city + own * np.float32(night.rest)) * shine.off[..., None]
        alpha = given.sky.alpha[..., None]
        dark = dark * (1 - alpha) + alpha * _sky(given.road, night)
    else:
        dark = composite_sky(graded, given.sky, _sky(given.road, night)) * shine.off[..., None]
    found = cars.car_lamps(lamps, given.road, shine.on)
    may = cars.asphalt(own, given.road)
    back = plate_reflection(found, given.road, photo) if plates else np.float32(0)
    added = _headlights(given, lamps, found, night, may, back=back) + shine.light
    if night.wet:
        share = np.float32(night.wet) * may * (1 - cars.car_coverage(found, given.road))
        added = added + share[..., None] * reflect_in_road(shine.light, given.road)
    added = added + scatter_light(shine.light, given.road)
    seed = int(draws.of_part("noise", frame).integers(2**31))
    return Lit(_shot(dark + added, given, night, seed), shine.on, partial(_shot, dark, given, night, seed))


def _headlights(
    given: Scene, lamps: Lamps, found: list[CarLamp], night: Night, may: Array, *, back: Array | np.float32
) -> Array:
    """Return the light ``(H, W, 3)`` of headlights on the scene: the own ones, and those of other cars.

    ``found`` are the lamps of cars that are on; ``may (H, W)`` is the share of each pixel that may be road,
    ``back (H, W)`` the light that number plates throw back.
    """
    road = given.road
    own = roads.beam(road)
    beads = np.float32(PAINT - 1) * ((color.luma(given.surface) - 0.22) / 0.2).clip(0, 1)
    own = own * np.where(lamps.where("sign"), np.float32(SIGN), 1 + beads) + cars.bodies(found, road) + back
    ground, streaks = (light * may for light in cars.project_headlights(found, road))
    light = (own + ground)[..., None] * given.surface * (1 - given.sky.alpha[..., None])
    light = (light + streaks[..., None]) * given.headlight
    red = np.float32(night.beam) * np.array(RED, np.float32)
    red = (may * cars.red_sheen(found, road))[..., None] * red
    return np.asarray(light + red, np.float32)


def _shot(light: Array, given: Scene, night: Night, seed: int) -> Array:
    """Return the picture a camera takes of linear light, sRGB."""
    road = given.road
    seen = motion_blur(light, (road.horizon, road.center), night.blur)
    seen = desaturate(seen, night.gray)
    seen = noisy(np.minimum(seen, 400), shot=night.shot, read=night.read, seed=seed)
    return camera_filter(develop(seen, keeps=given.emission.keeps))


def reflect_in_road(light: Array, road: Road) -> Array:
    """Return the reflection of lamps in a wet road, ``(H, W, 3)``: mirrored, and smeared down.

    A lamp at height ``L`` above a road seen from height ``C`` appears ``f (L - C) / z`` above the horizon,
    its mirror image ``f (L + C) / z`` below it. The film of water over rough asphalt smears it along the line
    of sight. The share is that of Fresnel at grazing light, falling towards the car (Schlick 1994).
    """
    # Half the size is enough for what is smeared.
    height, width = (max(8, side // 2) for side in road.size)
    dimmed = light * np.minimum(1, MIRRORED / np.maximum(light.max(2, keepdims=True), np.float32(1e-6)))
    half = cv2.resize(dimmed, (width, height), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    horizon = np.float32(road.horizon * height / road.size[0])
    below = rows - horizon
    total = np.zeros((height, width, 3), np.float32)
    # Lamps of cars hang lower than the camera: they are seen below the horizon.
    wide = max(1.0, width / 500)
    for tall, long in ((roads.POLE, height / 14), (roads.LAMPS, height / 40)):
        source = horizon - np.float32((tall - road.height) / (tall + road.height)) * below
        image_of = cv2.remap(half, columns, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        image_of[below[:, 0] < 0] = 0
        for weight, factor in ((1.0, 1), (0.5, 3)):
            soft = cv2.GaussianBlur(image_of, (0, 0), sigmaX=factor * wide, sigmaY=long * (1 + factor) / 2)
            # Rough water smears towards the eye.
            down = min(height, round(long))
            total[down:] += np.float32(weight) * soft[: height - down]
    angle = np.maximum(below, 0) / np.float32(road.focal * height / road.size[0])
    share = np.where(below > 0, 0.02 + 0.25 * (1 - np.minimum(angle * 2.5, 1)) ** 3, 0)
    found = np.asarray(total * share[..., None], np.float32)
    full = np.asarray(cv2.resize(found, road.size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    full[: int(road.horizon) + 1] = 0
    return full


def scatter_light(light: Array, road: Road) -> Array:
    """Return the glare of lamps and their halo in dust and haze, ``(H, W, 3)``."""
    degrees = degrees_of(road)
    factor = max(1, round(VEILED / degrees / 4))
    size = (max(1, road.size[1] // factor), max(1, road.size[0] // factor))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    sigma = VEILED / degrees * size[0] / road.size[1]
    soft = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    halo = cv2.resize(soft, road.size[::-1], interpolation=cv2.INTER_CUBIC)
    scattered = np.float32(SHARE) * glare(light, degrees)
    return np.asarray(scattered + np.float32(VEIL) * np.maximum(halo, 0), np.float32)


def degrees_of(road: Road) -> float:
    """Return the mean angle of a pixel, in degrees."""
    return 2 * float(np.degrees(np.arctan(road.size[1] / 2 / road.focal))) / road.size[1]
