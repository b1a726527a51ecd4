"""The landscapes world's things: trees, rocks, a boat, a house. Colours are asked for when painted."""

from functools import partial

import numpy as np

from minivq.worlds.landscapes_scene import Thing
from minivq.worlds.landscapes_shapes import Layer, blend, lattice, noise, rgb


def nearness(scene, y):
    """(...) y -> (...) depth of the level ground there: 0.4 at the horizon, 1 at the lower border."""
    return np.float32(0.4) + np.float32(0.6) * np.clip((y - scene.horizon) / (1 - scene.horizon), 0, 1)


def conifer_colour(scene, tone, under):
    """-> (3, rows, columns): needles between shade and light."""
    dark = blend(scene.colour("forest") * np.float32(0.72), scene.colour("dark"), np.float32(0.35))
    return blend(dark, blend(scene.colour("forest"), scene.colour("light"), np.float32(0.4)), tone)


def leaf_colour(scene, tone, under):
    """-> (3, rows, columns): leaves between shade and light."""
    dark = blend(scene.colour("forest") * np.float32(0.8), scene.colour("dark"), np.float32(0.35))
    bright = blend(scene.colour("forest"), scene.colour("grass"), np.float32(0.5))
    return blend(dark, blend(bright, scene.colour("light"), np.float32(0.25)), tone)


def trunk_colour(scene, under):
    """-> (3, 1, 1): a stem."""
    return blend(scene.colour("rock") * np.float32(0.6), scene.colour("dark"), np.float32(0.4))


def rock_colour(scene, tone, under):
    """-> (3, rows, columns): stone between shade and light."""
    dark = blend(scene.colour("rock") * np.float32(0.7), scene.colour("dark"), np.float32(0.45))
    return blend(dark, blend(scene.colour("rock"), scene.colour("light"), np.float32(0.5)), tone)


def boat_colour(scene, name, mirror, under):
    """-> (3, 1, 1): hull or sail; the sail on the light's side is the brighter one."""
    if name == "hull":
        colour = blend(scene.colour("dark"), rgb((0.55, 0.25, 0.18)), np.float32(0.4))
    elif (name == "main") == (scene.light > 0):
        colour = blend(scene.colour("snow"), scene.colour("light"), np.float32(0.25))
    else:
        colour = blend(scene.colour("snow_dark"), scene.colour("light"), np.float32(0.1))
    return blend(colour, scene.colour("water"), np.float32(0.45 if mirror else 0))


def house_colour(scene, name, lit, under):
    """-> (3, rows, columns): wall, roof or window; the windows shine in the dark hours."""
    night = scene.time == 4
    if name == "roof":
        return blend(rgb((0.68, 0.3, 0.22)), scene.colour("dark"), np.float32(0.65 if night else 0.3))
    if name == "pane" and scene.time in (0, 3, 4):
        return rgb((1.0, 0.82, 0.42))
    if name == "pane":
        return blend(scene.colour("dark"), scene.colour("sky_middle"), np.float32(0.3))
    wall = blend(scene.colour("snow"), scene.colour("light"), np.float32(0.3)) * np.float32(0.95)
    wall = blend(wall, scene.colour("dark"), np.float32(0.55 if night else 0))
    return blend(blend(wall, scene.colour("dark"), np.float32(0.35)), wall, lit)


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
        stem = (
            view.inside(np.float32(0.02 * high) - np.abs(d)) * view.inside(np.float32(tree.y) - y) * (t > 0.1)
        )
        cover = np.maximum(cover, stem).astype(np.float32)
        if not cover.size:
            continue
        tone = view.inside(d * np.float32(scene.light) + np.float32(0.15 * wide) * (saw - np.float32(0.5)))
        tone = tone * np.float32(0.62) * (1 - np.float32(0.6) * saw) + np.float32(0.06)
        yield Layer(
            "tree", rows, columns, cover, float(nearness(scene, tree.y)), partial(conifer_colour, scene, tone)
        )


def broadleaf(scene, view, tree):
    """-> iterator of Layer: a stem and a crown of round lumps, each lit on the light's side."""
    high = tree.size
    columns = view.columns(tree.x - 0.5 * high, tree.x + 0.5 * high)
    if columns.start == columns.stop:
        return
    lumps = lattice(np.arange(24), tree.seed).reshape(8, 3)
    depth = float(nearness(scene, tree.y))
    for rows in view.rows(tree.y - high, tree.y, mirrored=False):
        d, y = view.x[columns] - np.float32(tree.x), view.level[rows]
        up = (np.float32(tree.y) - y) / np.float32(high)
        bend = np.float32(0.06 * high) * up * up
        stem = view.inside(np.float32(high) * (np.float32(0.035) - np.float32(0.02) * up) - np.abs(d - bend))
        stem = stem * view.inside(up * np.float32(high)) * (up < 0.7)
        yield Layer("tree", rows, columns, stem, depth, partial(trunk_colour, scene))
        crown, light = np.float32(0), np.float32(0)
        whole = (d * scene.light + (up - np.float32(0.65)) * np.float32(high)) * np.float32(1.1 / high)
        wobble = 1 + np.float32(0.06) * np.sin(d * np.float32(60 / high))
        for a, b, c in lumps:
            r = np.float32(high * (0.13 + 0.09 * c))
            dx = d - np.float32(high * 0.52 * (a - 0.5))
            dy = y - np.float32(tree.y - high * (0.5 + 0.3 * b))
            cover = view.inside(r * wobble - np.sqrt(dx * dx + dy * dy))
            tone = (dx * scene.light - dy) * np.float32(0.27 / r) + whole
            light = light + cover * (tone - light)
            crown = np.maximum(crown, cover)
        light = np.minimum(np.maximum(light + np.float32(0.42), 0), 1)
        yield Layer("tree", rows, columns, crown, depth, partial(leaf_colour, scene, light))


def rock(scene, view, thing):
    """-> iterator of Layer: a boulder cut by planes, each face as bright as it looks towards the light."""
    r = thing.size
    columns = view.columns(thing.x - 1.4 * r, thing.x + 1.4 * r)
    if columns.start == columns.stop:
        return
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
            tone = np.where(
                plane < nearest, np.float32(0.42 + 0.36 * nx * scene.light + 0.22 * (ny - 0.4)), tone
            )
            nearest = np.minimum(nearest, plane)
        depth = float(nearness(scene, thing.y))
        yield Layer(
            "object",
            rows,
            columns,
            view.inside(body * np.float32(r)),
            depth,
            partial(rock_colour, scene, tone),
        )


def boat(scene, view, thing):
    """-> iterator of Layer: a sailing boat and its mirror, which keeps the rule of the water's mirror."""
    s = thing.size
    columns = view.columns(thing.x - 0.5 * s, thing.x + 0.5 * s)
    if columns.start == columns.stop:
        return
    for mirror in (1, 0):
        sign = np.float32(-1 if mirror else 1)
        for rows in view.rows(
            thing.y - (s if not mirror else 0), thing.y + (s if mirror else 0), mirrored=False
        ):
            dx = (view.x[columns] - np.float32(thing.x)) / np.float32(s)
            up = (np.float32(thing.y) - view.level[rows]) / np.float32(s) * sign
            scale = np.float32(s)
            hull = np.minimum(
                np.minimum(up, np.float32(0.12) - up), np.float32(0.22) + np.float32(0.6) * up - np.abs(dx)
            )
            main = np.minimum(
                np.minimum(up - np.float32(0.15), dx + np.float32(0.0)),
                (np.float32(0.95) - up - dx * np.float32(2.6)) * np.float32(0.35),
            )
            jib = np.minimum(
                np.minimum(up - np.float32(0.17), -dx - np.float32(0.025)),
                (np.float32(0.8) - up + dx * np.float32(2.9)) * np.float32(0.33),
            )
            depth = nearness(scene, thing.y) if not mirror else nearness(scene, view.level[rows])
            for part, name in ((main, "main"), (jib, "jib"), (hull, "hull")):
                yield Layer(
                    "water" if mirror else "object",
                    rows,
                    columns,
                    view.inside(part * scale),
                    depth,
                    partial(boat_colour, scene, name, mirror),
                )


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
        roof = np.minimum(
            np.minimum(up - np.float32(0.45), np.float32(0.92) - up),
            np.float32(1.05) - np.abs(dx) - np.float32(0.75) * up,
        )
        panes = np.float32(0.09) - np.maximum(
            np.abs(np.abs(dx) - np.float32(0.3)), np.abs(up - np.float32(0.26))
        )
        lit = view.inside((dx * scene.light + np.float32(0.1)) * scale)
        depth = float(nearness(scene, thing.y))
        for part, name in ((walls, "wall"), (roof, "roof"), (panes, "pane")):
            cover = view.inside(part * scale)
            yield Layer("object", rows, columns, cover, depth, partial(house_colour, scene, name, lit))


DRAW = {"conifer": conifer, "broadleaf": broadleaf, "rock": rock, "boat": boat, "house": house}


def grove(scene, view):
    """-> iterator of Layer: trees in the foreground, in some cells of a lattice along the canvas."""
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
        trees.append(
            Thing(scene.grove_kind, seed + 10 * int(cells[k]) & 0xFFFFFF, float(x), float(y), float(size))
        )
    for tree in sorted(trees, key=lambda tree: tree.y):
        yield from DRAW[tree.kind](scene, view, tree)
