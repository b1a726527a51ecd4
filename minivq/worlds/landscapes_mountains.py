"""The landscapes world's mountains, hills and woods: silhouettes, lit and shaded flanks, snow."""

from functools import partial

import numpy as np

from minivq.worlds.landscapes_shapes import EVERY, Layer, blend, fractal, lattice, noise, ramp


def haze(scene, colour, far):
    """A colour as the air between lets it through: towards the low sky with distance."""
    air = blend(scene.colour("sky_low"), scene.colour("sky_middle"), np.float32(0.45))
    if scene.time == 5:
        far = 0.7 * far  # the sky is pale already: more haze would leave nothing to see
    return blend(colour, air, np.float32(min(0.86, 0.04 + 0.66 * far)))


def tones(scene, name, far, contrast=1.0):
    """-> (lit, shaded) colours of a surface at a distance, under the scene's one light."""
    base = scene.colour(name)
    if scene.time == 5:
        contrast = 0.65 * contrast
    lit = blend(base, scene.colour("light"), np.float32(0.45 * contrast))
    dark = blend(base * np.float32(0.85), scene.colour("dark"), np.float32(0.5 * contrast))
    return haze(scene, lit, far), haze(scene, dark, far)


def alpine(scene, view, ridge):
    """-> iterator of Layer: two rows of peaks; a broken ridge parts each into a lit and a shaded flank."""
    label = "far mountain" if ridge.far > 0.5 else "mountain"
    for row in (0, 1):
        seed = ridge.seed + 1000 * row
        high = ridge.height * (1 - 0.3 * row)
        span = ridge.width * 1.25
        u = view.xs / span - 0.5 * row
        k = np.floor(u)
        first = int(k[0])
        peaks = np.arange(first, int(k[-1]) + 1)
        offset = 0.5 + 0.24 * (2 * lattice(peaks, seed) - 1)
        rise = high * (0.6 + 0.4 * lattice(peaks, seed + 1))
        own = (k - first).astype(np.int64)
        d = u - k - offset[own]
        # each flank ends where its peak's cell ends, so that neighbours meet in a valley
        part = np.abs(d) / np.where(d < 0, offset[own], 1 - offset[own])
        flank = 1 - part * (1.2 - 0.2 * part)
        jag = fractal(view.xs / (0.3 * high), seed + 2, 6, view.pixel / (0.3 * high), smooth=False)
        top = ridge.base - rise[own] * flank - 0.08 * high * jag * np.minimum(1, 0.3 + 2 * part)
        far = min(1.0, ridge.far + 0.08 * (1 - row))
        middle = own[view.parts // 2 :: view.parts]
        peak = (peaks + offset + 0.5 * row) * span, rise, middle
        for rows in view.rows(float(top.min())):
            y = view.y[rows]
            cover = view.below(top, y)
            away, lit = flanks(scene, view, ridge, y, peak, seed)
            depth = 0.3 * (1 - far)
            paint = partial(rock, scene, view, ridge, y, far, away, lit, seed)
            yield Layer(label, rows, EVERY, cover, depth, paint)
            if ridge.snow > 0:
                # the lower border runs in teeth down the flanks' own direction
                run = (np.abs(away) * np.float32(0.8) + y * np.float32(0.55)) * np.float32(1 / (0.22 * high))
                run = (
                    run + np.where(away < 0, np.float32(31.7), np.float32(0)) + 9 * middle.astype(np.float32)
                )
                pixel = view.pixel / (0.22 * high)
                teeth = fractal(run, seed + 5, 3, pixel, smooth=False)
                line = np.float32(ridge.snow + 0.12 * high * (row - 0.4)) + np.float32(0.13 * high) * teeth
                line -= np.float32(0.05 * high) * lit
                snow = view.inside((line - y) * np.float32(0.6)) * cover
                if snow.any():
                    yield Layer("snow", rows, EVERY, snow, depth, partial(snow_colour, scene, far, lit))


def mixture(dark, bright, lit, under):
    """-> the colour between shaded and lit; `under` is not looked at."""
    return blend(dark, bright, lit)


def snow_colour(scene, far, lit, under):
    """-> (3, rows, columns): snow in the light and in the shade."""
    bright = blend(scene.colour("snow"), scene.colour("light"), np.float32(0.08))
    return blend(haze(scene, scene.colour("snow_dark"), far * 0.4), haze(scene, bright, far * 0.22), lit)


def flanks(scene, view, ridge, y, peak, seed):
    """-> (rows, columns) distance to the ridge line under each peak (left < 0), and lit part in [0, 1]."""
    at, rise, middle = peak
    down = np.maximum(y - (ridge.base - rise).astype(np.float32), 0)  # (rows, peaks)
    lean = 0.5 * (2 * lattice(np.arange(len(at)) + int(at[0] * 64), seed + 3) - 1)
    t = down / np.float32(0.22 * ridge.height)
    bend = fractal(t + 13 * at, seed + 4, 3, view.pixel / (0.22 * ridge.height), smooth=False, gain=0.6)
    line = at + down * lean + np.float32(0.1 * ridge.height) * np.minimum(1, t) * bend
    away = view.x - line.astype(np.float32)[:, middle]
    return away, view.inside(away * np.float32(scene.light))


def rock(scene, view, ridge, y, far, away, lit, seed, under):
    """-> (3, rows, columns): two flanks, spurs that run down them, haze towards the foot."""
    bright, dark = tones(scene, "rock", far)
    run = np.abs(away) * np.float32(0.62) - y
    scale = 0.2 * ridge.height
    spur = fractal(run / np.float32(scale) + 5 * (away < 0), seed + 6, 4, view.pixel / scale, smooth=False)
    tone = np.clip(lit * np.float32(0.72) + np.float32(0.14) + np.float32(0.2) * spur, 0, 1)
    foot = ramp((y - ridge.base) / np.float32(ridge.height), -0.75, 0.05) * np.float32(0.5)
    air = haze(scene, scene.colour("sky_low"), 1.0)
    return blend(blend(dark, bright, tone), air, foot)


def rolling(scene, view, ridge):
    """-> iterator of Layer: one row of rounded hills, lit where they fall towards the light."""
    scale = ridge.width * 1.3
    pixel = view.pixel / scale
    coarse = fractal(view.xs / scale, ridge.seed, 2, pixel)
    fine = fractal(view.xs / scale * 4 + 3, ridge.seed + 5, 5, pixel * 4)
    top = ridge.base - ridge.height * (0.55 + 0.36 * coarse + 0.05 * fine)
    label = "far mountain" if ridge.far > 0.5 else "mountain"
    for rows in view.rows(float(top.min())):
        y = view.y[rows]

        def colour(under, y=y):
            bright, dark = tones(scene, "rock" if ridge.far > 0.45 else "forest", ridge.far, 0.8)
            # the slope is read along slanted lines, so that the flanks lean as the hills do
            down = y - view.mean(top)
            at = (view.x + scene.light * np.float32(0.9) * np.maximum(down, 0)) / np.float32(scale * 0.5)
            tone = np.clip(0.5 + 0.55 * noise(at, ridge.seed + 8), 0, 1).astype(np.float32)
            foot = ramp(down / np.float32(ridge.height), -0.1, 1.0) * np.float32(0.6)
            air = haze(scene, scene.colour("sky_low"), 1.0)
            return blend(blend(dark, bright, tone), air, foot)

        yield Layer(label, rows, EVERY, view.below(top, y), 0.3 * (1 - ridge.far), colour)


def conifers(x, seed, size):
    """x (n,) -> height (n,) of a row of conifers, and side (n,): -1 left, 1 right of a stem."""
    cell = size * 0.42
    own = np.floor(x / cell).astype(np.int64)
    cells = np.arange(int(own[0]) - 1, int(own[-1]) + 2)
    stems = (cells + 0.5 + 0.35 * (2 * lattice(cells, seed) - 1)) * cell
    heights = size * (0.45 + 0.6 * lattice(cells, seed + 1) ** 1.5)
    widths = 5 / (0.27 * heights)  # tiers on each side, for one unit of length
    best, side = np.zeros_like(x), np.zeros_like(x)
    own -= cells[0] + 1
    for _ in range(3):
        d = x - stems[own]
        # branches: a staircase of drooping tiers under a pointed top
        out = np.abs(d) * widths[own]
        tier = np.floor(out)
        stair = tier + np.minimum(1, 2.2 * (out - tier))
        height = heights[own] * (1 - 0.1 * (out + stair))
        higher = height > best
        side = np.where(higher, d, side)
        best = np.where(higher, height, best)
        own += 1
    return best, np.sign(side)


def forest(scene, view, ridge):
    """-> iterator of Layer: conifers row before row on a hill, each with a lit and a shaded side."""
    rows_of_trees = 3 if ridge.height > 0.05 else 2
    swell = fractal(view.xs / ridge.width, ridge.seed, 3, view.pixel / ridge.width)
    for row in range(rows_of_trees):
        seed = ridge.seed + 100 * row
        left = 1 - row / rows_of_trees
        ground = ridge.base - ridge.height * left * np.maximum(0.0, 0.45 + 0.6 * swell) - 0.15 * ridge.size
        tall, side = conifers(view.xs, seed, ridge.size)
        top = ground - tall * (0.75 + 0.25 * noise(view.xs / 0.13, seed + 7))
        lit = view.mean(np.where(side == scene.light, 1.0, 0.0))
        foot = view.mean(ground)
        far = min(1.0, ridge.far + 0.1 * left)
        for rows in view.rows(float(top.min())):
            y = view.y[rows]

            def colour(under, y=y, foot=foot, lit=lit, far=far):
                bright, dark = tones(scene, "forest", far, 0.62)
                down = (y - foot) / np.float32(ridge.size)
                tone = lit * np.float32(0.55) * ramp(-down, -0.3, 0.3) + np.float32(0.25) * ramp(
                    down, 0.0, 0.8
                )
                return blend(dark, bright, tone)

            yield Layer("forest", rows, EVERY, view.below(top, y), 0.3 + 0.1 * (1 - far), colour)
