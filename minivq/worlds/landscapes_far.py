"""The landscapes world's sky: its gradient, stars, sun or moon, clouds; and all that stands under it."""

import numpy as np

from minivq.worlds.landscapes_mountains import alpine, forest, rolling
from minivq.worlds.landscapes_shapes import EVERY, Layer, blend, fractal, lattice, noise, ramp, rgb


def layers(scene, view):
    """-> iterator of Layer, far to near, of all that stands on or above the horizon."""
    yield Layer("sky", EVERY, EVERY, 1.0, 0.0, lambda under: sky(scene, view))
    if scene.sun_radius:
        yield from sun(scene, view)
    for row in scene.clouds:
        yield from cloud_row(scene, view, row)
    for ridge in scene.ridges:
        yield from {"alpine": alpine, "rolling": rolling, "forest": forest}[ridge.kind](scene, view, ridge)


def sky(scene, view):
    """-> (3, rows, columns) float32: the gradient of the hour, the glow around the sun, stars at night."""
    t = view.y / np.float32(scene.horizon)
    top, middle, low = (scene.colour(name) for name in ("sky_top", "sky_middle", "sky_low"))
    column = blend(top, middle, ramp(t, -0.1, 0.62))
    column = blend(column, low, ramp(t, 0.42, 1.02))
    dx, dy = view.x - np.float32(scene.sun[0]), view.y - np.float32(scene.sun[1])
    square = dx * dx + dy * dy
    night = scene.time == 4
    strength, reach = ((0.55, 0.06), (0.5, 0.03), (0.75, 0.07), (0.6, 0.06), (0.4, 0.02), (0.25, 0.2))[
        scene.time
    ]
    glow = np.float32(strength * reach) / (square + np.float32(reach))
    picture = column + glow * (scene.colour("sun") * (0.7 if night else 1) - column)
    if night:
        picture += stars(scene, view) * rgb((1, 0.98, 0.9))
    return picture


def stars(scene, view):
    """-> (rows, columns) float32: stars in some cells of a lattice; one under a pixel keeps its light."""
    cell = 0.055
    u, v = view.x / np.float32(cell), view.y / np.float32(cell)
    iu, iv = np.floor(u), np.floor(v)
    across = np.arange(int(iu[0]), int(iu[-1]) + 1)
    down = np.arange(int(iv.min()), int(iv.max()) + 1)
    cells = (across + 4099 * down[:, None]).ravel()
    place = [lattice(cells, scene.index + 31 * k).astype(np.float32) for k in range(3)]
    k = (iu - iu[0]).astype(np.int32) + (iv - iv.min()).astype(np.int32) * len(across)
    radius = 0.0012 + 0.0026 * place[2] ** 4
    wide = np.maximum(radius, 0.45 * view.pixel)
    power = (place[2] > 0.45) * np.minimum(1, 1.6 * radius / wide)
    dx = u - iu - (0.2 + 0.6 * place[0])[k]
    dy = v - iv - (0.2 + 0.6 * place[1])[k]
    square = (dx * dx + dy * dy) * ((cell / wide) ** 2)[k]
    light = power[k] * np.clip(1.5 - square, 0, 1)
    return light * ramp(-view.y / scene.horizon, -0.95, -0.3)


def sun(scene, view):
    """-> iterator of Layer: the disc of the sun, or the moon with its shadow."""
    x, y = scene.sun
    r = scene.sun_radius
    columns = view.columns(x - r, x + r)
    for rows in view.rows(y - r, y + r):
        dx, dy = view.x[columns] - np.float32(x), view.y[rows] - np.float32(y)
        cover = view.inside(np.float32(r) - np.sqrt(dx * dx + dy * dy))
        if scene.crescent:
            dx = dx + np.float32(scene.light * scene.crescent * r)
            dy = dy + np.float32(0.3 * r)
            cover = cover * view.inside(np.sqrt(dx * dx + dy * dy) - np.float32(0.92 * r))
        yield Layer(
            "sun", rows, columns, cover, 0.0, lambda under: blend(scene.colour("sun"), 1, np.float32(0.35))
        )


def puffs(x, seed, width, share, cell):
    """x (n,) -> (n,) height in [0, 1] of round puffs under their clouds' bows, (n,) how each cloud hangs."""
    u = x / width
    i = np.floor(u)
    filled = lattice(i, seed) < share
    half = 0.3 + 0.2 * lattice(i, seed + 1)
    bow = 1 - np.minimum(1, np.abs(u - i - 0.5) / half) ** 2
    v = x / cell + 7 * lattice(0, seed)
    top = 0.0
    for side in (-1, 0, 1):
        j = np.floor(v) + side
        d = v - j - 0.3 - 0.4 * lattice(j, seed + 2)
        r = 0.55 + 0.45 * lattice(j, seed + 3)
        top = np.maximum(top, np.sqrt(np.maximum(0, r * r - d * d)) * (0.5 + 0.5 * r))
    return np.where(filled, bow * (0.35 + 0.65 * top), 0), lattice(i, seed + 4) - 0.5


def cloud_row(scene, view, row):
    """-> iterator of Layer: clouds with a crisp round upper border and a flat, softly shaded lower one."""
    flat = row.height < 0.04
    overcast = scene.time == 5
    x = view.xs + 0.02 * noise(view.xs * 9, row.seed + 9)
    for part in range(1 if flat else 2):
        shift = 0.11 * row.width * part * -scene.light
        tall = row.height * (1 - 0.38 * part)
        if overcast:
            swell = 0.55 + 0.45 * fractal(
                x / row.width * 2 + 5 * part, row.seed + 40 * part, 3, view.pixel * 4
            )
            foot = row.y + row.height * (swell - 0.6 * part)
            top = np.full_like(x, -1.0)
            if part:
                continue
        else:
            rise, hang = puffs(
                x + shift, row.seed, row.width, row.share, row.height * (3.2 if flat else 0.95)
            )
            level = row.y + 0.9 * row.height * hang
            top = level - tall * rise
            foot = level + 0.25 * row.height * np.minimum(1, 3 * rise) * (1 if flat else 0.4)
        thick = np.float32(1) if overcast else view.mean(np.minimum(1, 9 * rise))
        high = -1.0 if overcast else row.y - 1.6 * row.height
        for rows in view.rows(high, row.y + 1.3 * row.height):
            y = view.y[rows]
            cover = view.below(top, y) if not overcast else 1.0
            foot_mean = view.mean(foot)
            softness = np.float32(max(view.pixel, 0.25 * row.height if not overcast else 0.012))
            cover = cover * np.clip((foot_mean - y) / softness + 0.5, 0, 1) * thick
            top_mean = foot_mean - np.float32(2.2 * row.height) if overcast else view.mean(top)

            def colour(under, y=y, top_mean=top_mean, part=part, tall=tall):
                depth = ramp((y - top_mean) / np.float32(tall), 0.05, 0.9 if not overcast else 2.6)
                lit = blend(scene.colour("cloud"), scene.colour("light"), np.float32(0.1 if part else 0.2))
                if part:
                    depth = depth * np.float32(0.75)
                base = scene.colour("cloud_dark")
                if overcast:
                    lit = blend(lit, base, np.float32(0.25))
                    base = blend(base, scene.colour("sky_low"), np.float32(min(0.5, 1.2 * row.y)))
                return blend(lit, base, depth)

            yield Layer("cloud", rows, EVERY, cover * np.float32(0.92 if not flat else 0.85), 0.0, colour)
