"""The landscapes world's near ground: water, shore and meadow, and what stands on them."""

from functools import partial

import numpy as np

from minivq.worlds.landscapes_shapes import EVERY, Layer, blend, fractal, lattice, noise, noise2, ramp, rgb
from minivq.worlds.landscapes_things import DRAW, grove, nearness


def layers(scene, view):
    """-> iterator of Layer, far to near, of all that lies or stands below the horizon."""
    if scene.water:
        edge = np.float32(scene.horizon)
        for rows in view.rows(scene.horizon, mirrored=False):
            y = view.level[rows]
            cover = view.inside(y - edge) * np.ones_like(view.x)
            yield Layer("water", rows, EVERY, cover, nearness(scene, y), partial(water, scene, view, rows))
    for place in ("water", "meadow", "near"):
        for thing in scene.things:
            if thing.place == place:
                yield from DRAW[thing.kind](scene, view, thing)
        grounds = {"water": scene.grounds[:1], "meadow": scene.grounds[1:], "near": ()}[place]
        for ground in grounds:
            yield from meadow(scene, view, ground)
    if scene.grove:
        yield from grove(scene, view)


def water(scene, view, rows, under):
    """-> (3, rows, columns): what stands above, mirrored, shifted by ripples, tinted; the light's glitter."""
    mirror = under[:, rows]
    y = view.level[rows]
    deep = np.maximum((y - np.float32(scene.horizon)) / np.float32(1 - scene.horizon), np.float32(0))
    fall = np.float32(1) / (deep + np.float32(0.12))  # waves are finer towards the horizon
    down = np.log(deep + np.float32(0.12)) * 13
    seed = scene.index * 2 + 1
    fade = np.clip(np.float32(1.5) - view.pixel * 24 * fall, 0, 1)
    wave = noise2(view.x * np.float32(9) + 0 * down, down * 1.6, seed) * fade
    shift = wave * np.float32(scene.ripple / view.pixel) * np.minimum(1, deep * 6 + np.float32(0.1))
    columns = np.arange(len(view.x), dtype=np.float32)
    at = np.clip(columns + shift, 0, len(columns) - 1.001)
    whole = at.astype(np.int32)
    part = at - whole
    index = whole + (np.arange(len(y), dtype=np.int32) * len(columns))[:, None]
    flat = np.ascontiguousarray(mirror).reshape(3, -1)
    left = np.take(flat, index, axis=1)
    left += part * (np.take(flat, index + 1, axis=1) - left)
    tint = scene.colour("water") * np.float32(0.92)
    picture = blend(left, tint, np.float32(0.16) + np.float32(0.34) * deep)
    strokes = (
        ramp(noise2(view.x * np.float32(5) + 2 * wave, down * np.float32(2.1), seed + 1), 0.25, 0.75) * fade
    )
    picture += strokes * np.float32(0.16) * (scene.colour("sky_low") - picture) * ramp(deep, 0.0, 0.3)
    if scene.sun_radius:
        reach = np.float32(scene.sun_radius) * (np.float32(0.55) + np.float32(1.1) * deep)
        near = np.abs(view.x - np.float32(scene.sun[0]) + wave * reach * np.float32(0.5)) / reach
        dashes = noise2(view.x * np.float32(7) + 40, down * np.float32(3.2), seed + 2)
        clear = np.clip(np.float32(1.7) - view.pixel * 40 * fall, 0, 1)
        path = ramp(-near, -1.3, -0.3) * (
            np.float32(0.55) + np.float32(0.45) * ramp(dashes, -0.35, 0.25) * clear - np.float32(0.3) * clear
        )
        strength = np.float32((0.75, 0.6, 0.85, 0.8, 0.65, 0)[scene.time])
        picture += path * strength * (scene.colour("sun") - picture)
    return picture


def meadow(scene, view, ground):
    """-> iterator of Layer: a band of meadow with flowers and a border of tufts, or a shore of sand."""
    sand = ground.kind == "shore"
    x = view.xs
    top = ground.y - ground.swing * fractal(x * 0.9, ground.seed, 3, view.pixel, gain=0.35)
    line = view.mean(top)
    if ground.grass:
        size = ground.grass
        fade = min(1.0, max(0.0, 1.5 - 0.25 * view.pixel / size))
        blades = np.abs(noise(x / (0.3 * size), ground.seed + 1, smooth=False))
        clumps = 0.35 + 0.65 * np.maximum(0, noise(x / (4 * size), ground.seed + 2))
        top = top - size * fade * blades * clumps
    for rows in view.rows(float(top.min()), mirrored=False):
        y = view.level[rows]
        cover = view.below(top, y)
        paint = partial(sand_colour if sand else grass_colour, scene, view, ground, y, line)
        yield Layer(ground.kind, rows, EVERY, cover, nearness(scene, y), paint)


def sand_colour(scene, view, ground, y, line, under):
    """-> (3, rows, columns): wet at the water, then light, with soft drifts and pebbles."""
    down = y - line
    dry, light = scene.colour("sand"), scene.colour("light")
    wet = blend(dry, scene.colour("water"), np.float32(0.5))
    drift = noise2(view.x * np.float32(2.5) + 3 * y, y * 16, ground.seed + 3)
    dry = blend(dry, light, np.float32(0.2) + np.float32(0.14) * drift)
    dry = blend(dry, scene.colour("dark"), ramp(down, 0.08, 0.5) * np.float32(0.3))
    picture = blend(wet, dry, ramp(down, 0.006, 0.03))
    foam = view.inside(np.float32(0.0035) - np.abs(down - np.float32(0.003)))
    return picture + foam * np.float32(0.7) * (blend(scene.colour("snow"), light, np.float32(0.3)) - picture)


def grass_colour(scene, view, ground, y, line, under):
    """-> (3, rows, columns): lit along the upper border, deeper below, broad strokes, flowers."""
    down = y - line
    near = np.float32(max(0.0, (ground.y - scene.horizon) / (1 - scene.horizon)))
    base = blend(scene.colour("grass"), scene.colour("grass_dark"), np.float32(ground.tone * 0.8))
    lit = blend(base, scene.colour("light"), np.float32(0.3))
    dark = blend(scene.colour("grass_dark"), scene.colour("dark"), np.float32(0.25) + np.float32(0.25) * near)
    lean = scene.light * np.float32(0.6)
    wide = np.float32(2.2)
    stroke = noise2(view.x * wide + lean * y * 8, y * 10, ground.seed + 4)
    depth = ramp(down, -0.02, 0.16 + 0.16 * float(near)) * np.float32(0.8) + np.float32(0.17) * stroke
    picture = blend(lit, dark, np.clip(depth, 0, 1))
    if near < 0.3:
        air = blend(scene.colour("sky_low"), scene.colour("sky_middle"), np.float32(0.4))
        picture = blend(picture, air, np.float32(0.4) * (1 - near / np.float32(0.3)))
    clear = min(1.0, max(0.0, 1.6 - 250 * view.pixel))  # tufts are for large canvases
    if clear:
        tufts = dots(scene, view, y, 0.5, ground.seed + 20, 5.0) * ramp(down, 0.01, 0.03)
        picture += tufts * np.float32(0.35 * clear) * (lit - picture)
    if ground.flowers:
        hue = lattice(np.arange(3), ground.seed + 9)
        tints = (
            (0.98, 0.95, 0.85),
            (0.98, 0.8, 0.25),
            (0.9, 0.35, 0.35),
            (0.75, 0.55, 0.9),
            (0.98, 0.65, 0.75),
        )
        petal = rgb(tints[int(hue[0] * 5)])
        if scene.time in (3, 4):
            petal = blend(petal, scene.colour("dark"), np.float32(0.45))
        bloom = dots(scene, view, y, ground.flowers, ground.seed + 10) * ramp(down, 0.0, 0.02)
        picture += bloom * (petal - picture)
    return picture


def dots(scene, view, y, share, seed, tall=1.0):
    """-> (rows, columns) coverage by flowers (or `tall` tufts), in some cells of a lattice in perspective."""
    rise = (y - np.float32(scene.horizon - 0.06)) * np.float32(1 / (1.06 - scene.horizon))
    v = -np.float32(9) / rise
    iv = np.floor(v)
    # a row of cells keeps one size, so that its flowers are round
    centre = -np.float32(9) / (iv + np.float32(0.5)) * np.float32(1.06 - scene.horizon)
    cell = np.abs(centre) * np.float32(0.11)
    u = view.x / cell
    iu = np.floor(u)
    key = (iu + 4099 * iv).astype(np.int64)
    a, b = lattice(key, seed).astype(np.float32), lattice(key, seed + 1).astype(np.float32)
    dx = (u - iu - np.float32(0.3) - np.float32(0.4) * a) * cell
    place = -np.float32(9) / (iv + np.float32(0.35) + np.float32(0.3) * b) * np.float32(1.06 - scene.horizon)
    dy = y - np.float32(scene.horizon - 0.06) - place
    radius = cell * (np.float32(0.1) + np.float32(0.1) * b)
    filled = (lattice(key, seed + 2) < share).astype(np.float32)
    wide = np.maximum(radius, np.float32(0.5 * view.pixel))
    if tall > 1:
        dx, dy = dx * np.float32(tall), dy / np.float32(1.6)
    cover = view.inside(wide - np.sqrt(dx * dx + dy * dy)) * (radius / wide) ** 2
    return cover * filled
