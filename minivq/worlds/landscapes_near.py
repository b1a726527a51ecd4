"""The landscapes world's foreground: water, shore, meadow, trees, rocks, boat, house."""

from functools import partial

import numpy as np

from minivq.worlds.landscapes_mountains import mixture
from minivq.worlds.landscapes_shapes import EVERY, Layer, blend, fractal, lattice, noise, noise2, ramp, rgb


def nearness(scene, y):
    """(...) y -> (...) depth of the level ground there: 0.4 at the horizon, 1 at the lower border."""
    return np.float32(0.4) + np.float32(0.6) * np.clip((y - scene.horizon) / (1 - scene.horizon), 0, 1)


def layers(scene, view):
    """-> iterator of Layer, far to near, of all that lies or stands below the horizon."""
    if scene.water:
        edge = np.float32(scene.horizon)
        for rows in view.rows(scene.horizon, mirrored=False):
            y = view.level[rows]
            cover = view.inside(y - edge) * np.ones_like(view.x)
            yield Layer("water", rows, EVERY, cover, nearness(scene, y), partial(water, scene, view, rows))
    waiting = list(scene.things)
    for ground in scene.grounds:
        while waiting and waiting[0].kind in ("boat",):
            yield from DRAW[waiting[0].kind](scene, view, waiting.pop(0))
        yield from meadow(scene, view, ground)
        while waiting and waiting[0].kind == "house":
            yield from DRAW["house"](scene, view, waiting.pop(0))
    for thing in waiting:
        yield from DRAW[thing.kind](scene, view, thing)
    if scene.grove:
        yield from grove(scene, view)


def water(scene, view, rows, under):
    """-> (3, rows, columns): the mirror of what stands above, shifted by ripples, tinted; glitter of the light."""
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
    strokes = ramp(noise2(view.x * np.float32(5) + 2 * wave, down * np.float32(2.1), seed + 1), 0.25, 0.75) * fade
    picture += strokes * np.float32(0.16) * (scene.colour("sky_low") - picture) * ramp(deep, 0.0, 0.3)
    if scene.sun_radius:
        reach = np.float32(scene.sun_radius) * (np.float32(0.55) + np.float32(1.1) * deep)
        near = np.abs(view.x - np.float32(scene.sun[0]) + wave * reach * np.float32(0.5)) / reach
        dashes = noise2(view.x * np.float32(7) + 40, down * np.float32(3.2), seed + 2)
        clear = np.clip(np.float32(1.7) - view.pixel * 40 * fall, 0, 1)
        path = ramp(-near, -1.3, -0.3) * (np.float32(0.55) + np.float32(0.45) * ramp(dashes, -0.35, 0.25) * clear
                                          - np.float32(0.3) * clear)
        strength = np.float32((0.75, 0.6, 0.85, 0.8, 0.65, 0)[scene.time])
        picture += path * strength * (scene.colour("sun") - picture)
    return picture


def meadow(scene, view, ground):
    """-> iterator of Layer: a band of meadow with tufts along its border, or a shore of sand; flowers on it."""
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
        tufts = dots(scene, view, y, 0.5, ground.seed + 20, 2.6) * ramp(down, 0.01, 0.03)
        picture += tufts * np.float32(0.3 * clear) * (lit - picture)
    if ground.flowers:
        hue = lattice(np.arange(3), ground.seed + 9)
        tints = ((0.98, 0.95, 0.85), (0.98, 0.8, 0.25), (0.9, 0.35, 0.35), (0.75, 0.55, 0.9), (0.98, 0.65, 0.75))
        petal = rgb(tints[int(hue[0] * 5)])
        if scene.time in (3, 4):
            petal = blend(petal, scene.colour("dark"), np.float32(0.45))
        bloom = dots(scene, view, y, ground.flowers, ground.seed + 10) * ramp(down, 0.0, 0.02)
        picture += bloom * (petal - picture)
    return picture


def dots(scene, view, y, share, seed, tall=1.0):
    """-> (rows, columns) coverage by flowers (or tufts, `tall`): one in some cells of a lattice in perspective."""
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
        dx, dy = dx * np.float32(tall) * (1 - dy / wide), dy / np.float32(1.5)
    cover = view.inside(wide - np.sqrt(dx * dx + dy * dy)) * (radius / wide) ** 2
    return cover * filled


def conifer(scene, view, tree):
    """-> iterator of Layer: one tall conifer of drooping tiers, lit on the light's side."""
    high, wide = tree.size, tree.size * (0.2 + 0.07 * float(lattice(3, tree.seed)))
    columns = view.columns(tree.x - wide, tree.x + wide)
    if columns.start == columns.stop:
        return
    for rows in view.rows(tree.y - high, tree.y, mirrored=False):
        d = view.x[columns] - np.float32(tree.x)
        y = view.level[rows]
        t = (y - np.float32(tree.y - high)) / np.float32(high)
        droop = t - np.abs(d) * np.float32(0.45 / high) + noise(d / (0.02 * high), tree.seed, False) * 0.012
        tiers = np.float32(9) * np.maximum(droop, 0) ** np.float32(0.8)
        saw = tiers - np.floor(tiers)
        half = np.float32(wide) * np.maximum(droop, 0) * (np.float32(0.62) + np.float32(0.5) * saw)
        cover = view.inside((half - np.abs(d)) * np.float32(0.8)) * (t < 0.95)
        stem = view.inside(np.float32(0.02 * high) - np.abs(d)) * view.inside(np.float32(tree.y) - y) * (t > 0.1)
        cover = np.maximum(cover, stem).astype(np.float32)
        if not cover.size:
            continue
        tone = view.inside(d * np.float32(scene.light) + np.float32(0.15 * wide) * (saw - np.float32(0.5)))
        tone = tone * np.float32(0.62) * (1 - np.float32(0.6) * saw) + np.float32(0.06)
        dark = blend(scene.colour("forest") * np.float32(0.72), scene.colour("dark"), np.float32(0.35))
        bright = blend(scene.colour("forest"), scene.colour("light"), np.float32(0.4))
        yield Layer("tree", rows, columns, cover, float(nearness(scene, tree.y)), partial(mixture, dark, bright, tone))


def broadleaf(scene, view, tree):
    """-> iterator of Layer: a stem and a crown of round lumps, each lit on the light's side."""
    high = tree.size
    columns = view.columns(tree.x - 0.5 * high, tree.x + 0.5 * high)
    if columns.start == columns.stop:
        return
    lumps = lattice(np.arange(24), tree.seed).reshape(8, 3)
    dark = blend(scene.colour("forest") * np.float32(0.8), scene.colour("dark"), np.float32(0.35))
    bright = blend(blend(scene.colour("forest"), scene.colour("grass"), np.float32(0.5)),
                   scene.colour("light"), np.float32(0.25))
    depth = float(nearness(scene, tree.y))
    for rows in view.rows(tree.y - high, tree.y, mirrored=False):
        d, y = view.x[columns] - np.float32(tree.x), view.level[rows]
        up = (np.float32(tree.y) - y) / np.float32(high)
        bend = np.float32(0.06 * high) * up * up
        stem = view.inside(np.float32(high) * (np.float32(0.035) - np.float32(0.02) * up) - np.abs(d - bend))
        stem = stem * view.inside(up * np.float32(high)) * (up < 0.7)
        trunk = blend(scene.colour("rock") * np.float32(0.6), scene.colour("dark"), np.float32(0.4))
        yield Layer("tree", rows, columns, stem, depth, partial(mixture, trunk, trunk, 0))
        for a, b, c in lumps:
            r = np.float32(high * (0.13 + 0.09 * c))
            dx = d - np.float32(high * 0.52 * (a - 0.5))
            dy = y - np.float32(tree.y - high * (0.5 + 0.3 * b))
            edge = r * (1 + np.float32(0.06) * np.sin(dx * np.float32(60 / high)))
            cover = view.inside(edge - np.sqrt(dx * dx + dy * dy))
            whole = (d * scene.light + (up - np.float32(0.65)) * np.float32(high)) * np.float32(1.1 / high)
            tone = np.clip(np.float32(0.42) + (dx * scene.light - dy) / r * np.float32(0.27) + whole, 0, 1)
            yield Layer("tree", rows, columns, cover, depth, partial(mixture, dark, bright, tone))


def rock(scene, view, thing):
    """-> iterator of Layer: a boulder cut by planes, each face as bright as it looks towards the light."""
    r = thing.size
    columns = view.columns(thing.x - 1.4 * r, thing.x + 1.4 * r)
    if columns.start == columns.stop:
        return
    dark = blend(scene.colour("rock") * np.float32(0.7), scene.colour("dark"), np.float32(0.45))
    bright = blend(scene.colour("rock"), scene.colour("light"), np.float32(0.5))
    turn = lattice(np.arange(16), thing.seed)
    for rows in view.rows(thing.y - r, thing.y + 0.25 * r, mirrored=False):
        dx = (view.x[columns] - np.float32(thing.x)) / np.float32(r)
        up = (np.float32(thing.y) - view.level[rows]) / np.float32(r)
        body, tone = np.float32(0.12) + up, np.zeros_like(dx * up)
        body = np.broadcast_to(body, tone.shape)
        nearest = np.full_like(tone, 9)
        for k, (nx, ny) in enumerate(((-0.92, 0.4), (-0.55, 0.83), (0.1, 0.99), (0.6, 0.8), (0.94, 0.34))):
            far = 0.5 + 0.28 * turn[k] + 0.3 * abs(nx)
            plane = np.float32(far) - dx * np.float32(nx) - up * np.float32(ny)
            body = np.minimum(body, plane)
            # faces lean back at different angles, so that their inner borders are not those of the outline
            plane = plane * np.float32(0.7 + 0.7 * turn[k + 5])
            tone = np.where(plane < nearest, np.float32(0.42 + 0.36 * nx * scene.light + 0.22 * (ny - 0.4)), tone)
            nearest = np.minimum(nearest, plane)
        depth = float(nearness(scene, thing.y))
        yield Layer("object", rows, columns, view.inside(body * np.float32(r)), depth,
                    partial(mixture, dark, bright, tone))


def boat(scene, view, thing):
    """-> iterator of Layer: a sailing boat and its mirror, which keeps the rule of the water's mirror."""
    s = thing.size
    columns = view.columns(thing.x - 0.5 * s, thing.x + 0.5 * s)
    if columns.start == columns.stop:
        return
    for mirror in (1, 0):
        sign = np.float32(-1 if mirror else 1)
        for rows in view.rows(thing.y - (s if not mirror else 0), thing.y + (s if mirror else 0), mirrored=False):
            dx = (view.x[columns] - np.float32(thing.x)) / np.float32(s)
            up = (np.float32(thing.y) - view.level[rows]) / np.float32(s) * sign
            scale = np.float32(s)
            hull = np.minimum(np.minimum(up, np.float32(0.12) - up), np.float32(0.22) + np.float32(0.6) * up - np.abs(dx))
            main = np.minimum(np.minimum(up - np.float32(0.15), dx + np.float32(0.0)),
                              (np.float32(0.95) - up - dx * np.float32(2.6)) * np.float32(0.35))
            jib = np.minimum(np.minimum(up - np.float32(0.17), -dx - np.float32(0.025)),
                             (np.float32(0.8) - up + dx * np.float32(2.9)) * np.float32(0.33))
            wood = blend(scene.colour("dark"), rgb((0.55, 0.25, 0.18)), np.float32(0.4))
            cloth = blend(scene.colour("snow"), scene.colour("light"), np.float32(0.25))
            dim = blend(scene.colour("snow_dark"), scene.colour("light"), np.float32(0.1))
            first, second = (cloth, dim) if scene.light > 0 else (dim, cloth)
            depth = nearness(scene, thing.y) if not mirror else nearness(scene, view.level[rows])
            for part, colour in ((main, first), (jib, second), (hull, wood)):
                if mirror:
                    colour = blend(colour, scene.colour("water"), np.float32(0.45))
                yield Layer("water" if mirror else "object", rows, columns, view.inside(part * scale), depth,
                            partial(mixture, colour, colour, 0))


def house(scene, view, thing):
    """-> iterator of Layer: a small house, its gable end lit or shaded; windows shine in the dark hours."""
    s = thing.size
    columns = view.columns(thing.x - s, thing.x + s)
    if columns.start == columns.stop:
        return
    for rows in view.rows(thing.y - s, thing.y, mirrored=False):
        dx = (view.x[columns] - np.float32(thing.x)) / np.float32(s)
        up = (np.float32(thing.y) - view.level[rows]) / np.float32(s)
        scale = np.float32(s)
        walls = np.minimum(np.minimum(up, np.float32(0.5) - up), np.float32(0.62) - np.abs(dx))
        roof = np.minimum(np.minimum(up - np.float32(0.45), np.float32(0.92) - up),
                          np.float32(1.05) - np.abs(dx) - np.float32(0.75) * up)
        panes = np.float32(0.09) - np.maximum(np.abs(np.abs(dx) - np.float32(0.3)), np.abs(up - np.float32(0.26)))
        lamp = scene.time in (0, 3, 4)
        wall = blend(scene.colour("snow"), scene.colour("light"), np.float32(0.3)) * np.float32(0.95)
        if scene.time == 4:
            wall = blend(wall, scene.colour("dark"), np.float32(0.55))
        tiles = blend(rgb((0.68, 0.3, 0.22)), scene.colour("dark"), np.float32(0.3 if scene.time != 4 else 0.65))
        pane = rgb((1.0, 0.82, 0.42)) if lamp else blend(scene.colour("dark"), scene.colour("sky_middle"), np.float32(0.3))
        shade = blend(wall, scene.colour("dark"), np.float32(0.35))
        lit = view.inside((dx * scene.light + np.float32(0.1)) * scale)
        depth = float(nearness(scene, thing.y))
        for part, low, high in ((walls, shade, wall), (roof, tiles, tiles), (panes, pane, pane)):
            cover = view.inside(part * scale)
            yield Layer("object", rows, columns, cover, depth, partial(mixture, low, high, lit))


DRAW = {"conifer": conifer, "broadleaf": broadleaf, "rock": rock, "boat": boat, "house": house}


def grove(scene, view):
    """-> iterator of Layer: trees in the foreground, in some cells of a lattice along the canvas."""
    from minivq.worlds.landscapes_scene import Thing

    cell = 0.21
    seed = scene.grounds[-1].seed + 77
    cells = np.arange(int(np.floor(view.x[0] / cell)) - 2, int(np.floor(view.x[-1] / cell)) + 3)
    a, b, c = (lattice(cells, seed + k) for k in range(3))
    # a slow wave gathers the trees into groups and leaves the view open between
    group = noise(cells * 0.35, seed + 5)
    keep = a * 0.5 + 0.25 - 0.5 * group < scene.grove
    trees = []
    for k in np.flatnonzero(keep):
        size = 0.24 + 0.3 * b[k] if scene.grove_kind == "conifer" else 0.2 + 0.16 * b[k]
        x = (cells[k] + 0.5 + 0.5 * (c[k] - 0.5)) * cell
        y = min(1.03, scene.grounds[-1].y + 0.05 + 0.1 * a[k])
        trees.append(Thing(scene.grove_kind, seed + 10 * int(cells[k]) & 0xFFFFFF, float(x), float(y), float(size)))
    for tree in sorted(trees, key=lambda tree: tree.y):
        yield from DRAW[tree.kind](scene, view, tree)
