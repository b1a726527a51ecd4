"""Painting the features of a face: eyes, brows, nose, mouth, glasses."""

import numpy as np

from minivq.worlds import faces_hair as hairdo
from minivq.worlds.faces_attributes import MOUTH
from minivq.worlds.faces_canvas import bump, eye_place, mouth_place, nose_place, ramp

IRIS_RGB = ((0.30, 0.16, 0.09), (0.74, 0.46, 0.12), (0.25, 0.58, 0.30), (0.22, 0.48, 0.85))
LENS_RGB = ((0.85, 0.92, 0.96), (0.10, 0.10, 0.13), (0.82, 0.50, 0.16), (0.22, 0.42, 0.74))
FRAME_RGB = (
    (0.10, 0.09, 0.11),
    (0.32, 0.17, 0.10),
    (0.62, 0.46, 0.20),
    (0.45, 0.12, 0.16),
    (0.16, 0.22, 0.36),
)


def eyes(s) -> None:
    """Sclera in the lid's shadow, iris, pupil, catch-light on the light's side, lids and lashes."""
    f = s.face
    for side, own in ((-1, f.left), (1, f.right)):
        cx, cy = eye_place(f, side)
        where, x, y = s.head.view(cx - 0.075, cx + 0.075, cy - 0.06, cy + 0.05)
        u = x - cx
        v = y - cy + f.eyes[1] * u * side
        arc = 1.0 - u * u * (1.0 / 0.058**2)
        high, low = 0.031 + 0.008 * f.eyes[0], 0.022 + 0.004 * f.eyes[0]
        upper, lower = -v - high * arc, v - low * arc
        slope = np.float32(0.80)
        opening = np.maximum(upper, lower) * slope
        inside = s.head.cover(opening)
        white = np.array([0.95, 0.94, 0.93], np.float32) * (0.94 if s.lx * side > -0.3 else 0.80)
        s.canvas.put(where, inside, white, "eyes", 0.70)
        gx, gy = u - f.gaze[0], v - f.gaze[1] + 0.002
        r = np.sqrt(gx * gx + gy * gy)
        iris = np.asarray(IRIS_RGB[own.iris], np.float32)[:, None, None]
        glow = np.clip(0.72 + 0.55 * r * (1 / 0.034) + 10.0 * gy, 0.55, 1.5) * (
            1 - 0.45 * ramp(r, 0.026, 0.035)
        )
        s.canvas.put(where, inside * s.head.cover(r - 0.034), np.minimum(iris * glow * 1.1, 1.0))
        s.canvas.put(where, inside * s.head.cover(r - 0.0145), (0.04, 0.03, 0.04))
        s.canvas.put(where, 0.38 * inside * ramp(v, 0.0, -high), (0.12, 0.08, 0.10))
        dot = np.sqrt((gx - 0.013 * np.sign(s.lx)) ** 2 + (gy + 0.013) ** 2) - 0.0085
        s.canvas.put(where, inside * s.head.cover(dot), (1.0, 1.0, 1.0))
        thick = 0.0065 + (0.004 if f.makeup else 0.0)
        lid = np.abs(upper * slope) - thick * np.clip(0.35 + arc, 0.3, 1.0)
        lid = np.maximum(lid, np.abs(u) - 0.062)
        s.canvas.put(where, 0.92 * s.head.cover(lid), (0.13, 0.08, 0.08), "eyes", 0.71)
        fold = np.maximum(np.abs(-v - high * arc * 1.05 - 0.016) - 0.004, np.abs(u) - 0.045)
        s.canvas.put(where, 0.30 * s.head.cover(fold), (0.25, 0.12, 0.10))
        s.canvas.put(where, 0.22 * s.head.cover(np.abs(lower * slope) - 0.004), (0.35, 0.16, 0.13))


def brows(s) -> None:
    """Brows in the natural hair colour of the side."""
    f = s.face
    for side, own in ((-1, f.left), (1, f.right)):
        cx, cy = eye_place(f, side)
        where, x, y = s.head.view(cx - 0.09, cx + 0.09, cy - 0.14, cy - 0.025)
        u = (x - cx) * side
        t = u * (1.0 / 0.068)
        curve = cy - 0.074 - (0.004 + 0.020 * f.brow[1]) * (1.0 - t * t) - f.brow[2] * 0.35 * u
        half = (0.0085 + 0.0085 * f.brow[0]) * (1.0 - 0.45 * ramp(t, -0.2, 1.0))
        shape = np.maximum(np.abs(y - curve) - half, np.abs(u) - 0.066)
        colour = np.asarray(hairdo.HAIR_RGB[own.natural], np.float32) * np.float32(0.62)
        s.canvas.put(where, 0.93 * s.head.cover(shape), colour, "brows", 0.74)


def nose(s) -> None:
    """Nostrils and wings in the dark, the bridge's shadow away from the light, a highlight towards it."""
    f = s.face
    tip, wing = nose_place(f), 0.026 + 0.014 * f.nose[1]
    where, x, y = s.head.view(-0.075, 0.075, -0.05, 0.13)
    v = y - tip
    body = np.maximum(
        np.abs(x) - (0.014 + (wing - 0.008) * ramp(y, 0.0, tip) ** 2), np.abs(y - 0.5 * tip) - 0.62 * tip
    )
    if s.canvas.want != "picture":
        s.canvas.put(where, s.head.cover(body), (0, 0, 0), "nose", None)
        hill = bump(x, y, 0.0, tip - 0.01, wing, 0.03) + 0.5 * bump(x, y, 0.0, tip - 0.06, 0.02, 0.05)
        s.canvas.put(where, np.minimum(hill, 1.0), (0, 0, 0), None, 0.93)
        return
    tone = np.asarray(s.skin(x))
    tone = tone if tone.ndim == 3 else tone[:, None, None]
    away = -np.sign(s.lx) if abs(s.lx) > 0.3 else 0.0
    if away:
        flank = bump(x, y, away * (wing * 0.75), tip - 0.035, 0.016, 0.05)
        s.canvas.put(where, 0.55 * flank, tone * np.array([0.58, 0.48, 0.48], np.float32)[:, None, None])
    ax = np.abs(x)
    under = bump(x, v, 0.0, 0.017, wing * 0.95, 0.0085)
    s.canvas.put(where, 0.60 * under, tone * np.array([0.50, 0.38, 0.38], np.float32)[:, None, None])
    holes = bump(ax, v, wing * 0.52, 0.011, 0.0095, 0.0065)
    s.canvas.put(where, 0.75 * holes, tone * np.float32(0.22))
    rim = bump(ax, v, wing + 0.004, -0.001, 0.0075, 0.014)
    s.canvas.put(where, 0.32 * rim, tone * np.array([0.50, 0.38, 0.38], np.float32)[:, None, None])
    gleam = bump(x, v, 0.008 * np.sign(s.lx) * (abs(s.lx) > 0.3), -0.012, 0.013, 0.013)
    s.canvas.put(where, 0.36 * gleam, np.minimum(tone * 1.15 + 0.16, 1.0))


def mouth(s) -> None:
    """Lips with a bow, or open with teeth; the lower lip catches the light."""
    f = s.face
    kind = list(MOUTH)[f.mouth]
    my, w, lift = mouth_place(f)
    where, x, y = s.head.view(-w - 0.03, w + 0.03, my - 0.06, my + 0.085)
    t = x * (1.0 / w)
    arc = np.clip(1.0 - t * t, 0.0, 1.0)
    line = my + 0.006 - lift * (t * t)
    full = 0.75 + 0.5 * f.lips[1]
    bow = 0.0035 * np.exp(-(t * t) * 30.0)
    top = line - 0.017 * full * arc + bow
    gap = 0.040 * arc * (0.7 + 0.3 * f.lips[1]) if kind == "open" else 0.0 * arc
    bottom = line + gap + 0.021 * full * arc
    shape = np.maximum(top - y, y - bottom)
    alpha = s.head.cover(shape * 0.95) * s.head.cover(np.abs(x) - w)
    tone = np.asarray(s.skin(x), np.float32)
    tone = tone if tone.ndim == 3 else tone[:, None, None]
    lip = tone * np.array([0.86, 0.58, 0.58], np.float32)[:, None, None]
    if f.makeup:
        paint_rgb = np.array(
            [0.78 - 0.2 * f.makeup, 0.12 + 0.12 * f.makeup, 0.22 + 0.12 * f.makeup], np.float32
        )
        lip = 0.25 * lip + 0.75 * paint_rgb[:, None, None]
    below = bump(x, y, 0.0, my + 0.016 + float(np.max(gap)) + 0.030 * full, w * 0.6, 0.009)
    s.canvas.put(where, 0.30 * below, tone * np.float32(0.45))
    shade = 1.0 - 0.28 * (y < line) + 0.10 * s.lx * t
    s.canvas.put(where, alpha, lip * shade, "mouth", 0.78)
    if kind == "open":
        inner = np.maximum(line - y, y - line - gap)
        hollow = s.head.cover(inner) * s.head.cover(np.abs(x) - w * 0.96)
        s.canvas.put(where, hollow, (0.32, 0.08, 0.10))
        teeth = np.maximum(inner, y - line - 0.58 * gap)
        s.canvas.put(where, s.head.cover(teeth) * s.head.cover(np.abs(x) - w * 0.9), (0.96, 0.94, 0.91))
    else:
        s.canvas.put(
            where,
            0.75 * s.head.cover(np.abs(y - line) - 0.0045) * s.head.cover(np.abs(x) - w * 1.04),
            (0.28, 0.10, 0.10),
        )
        gleam = bump(x, y, 0.015 * s.lx, my + 0.006 + 0.011 * full, w * 0.32, 0.006)
        s.canvas.put(where, 0.30 * gleam, np.minimum(lip * 1.2 + 0.2, 1.0))


def glasses(s) -> None:
    """Per side: lens, rim, half of the bridge, the arm to the ear."""
    f = s.face
    frame_rgb = FRAME_RGB[int(f.frame_tone * len(FRAME_RGB)) % len(FRAME_RGB)]
    for side, own in ((-1, f.left), (1, f.right)):
        if own.glasses == 0:
            continue
        cx, cy = eye_place(f, side)[0] * 1.04, 0.008
        end = f.head[0] + 0.004
        lo, hi = sorted((0.0, side * (end + 0.01)))
        where, x, y = s.head.view(lo, hi, cy - 0.10, cy + 0.10)
        u, v = x - cx, y - cy
        if own.glasses == 1:
            shape = np.sqrt(u * u + v * v) - 0.070
        else:
            qx, qy = np.abs(u) - 0.050, np.abs(v) - 0.033
            px, py = np.maximum(qx, 0.0), np.maximum(qy, 0.0)
            shape = np.sqrt(px * px + py * py) + np.minimum(np.maximum(qx, qy), 0.0) - 0.024
        lens = np.asarray(LENS_RGB[own.lens], np.float32)[:, None, None]
        strength = 0.10 if own.lens == 0 else 0.86
        sheen = 1.0 + 0.5 * (v * -4.0 + u * 3.0 * s.lx) if own.lens else 1.0
        s.canvas.put(
            where,
            strength * s.head.cover(shape),
            np.clip(lens * sheen, 0, 1),
            "glasses" if own.lens else None,
            0.80 if own.lens else None,
        )
        glint = np.abs(u * 0.8 * np.sign(s.lx) + v * 0.6 - 0.012) - 0.012
        s.canvas.put(
            where, (0.26 if own.lens else 0.12) * s.head.cover(np.maximum(glint, shape + 0.012)), (1, 1, 1)
        )
        bridge = np.maximum(
            np.abs(v + 0.016 + 0.3 * (0.03 - np.abs(x))) - 0.0075, np.abs(x) - abs(cx) + 0.055
        )
        arm = np.maximum(
            np.abs(v + 0.022) - 0.0075,
            np.abs(np.abs(x) - 0.5 * (abs(cx) + 0.06 + end)) - 0.5 * max(end - abs(cx) - 0.06, 0.0),
        )
        wire = np.minimum(
            np.abs(shape) - 0.0078, np.minimum(np.maximum(bridge, -shape), np.maximum(arm, -shape))
        )
        wire = np.maximum(wire, -side * x - 0.02)
        s.canvas.put(
            where,
            s.head.cover(wire),
            np.asarray(frame_rgb) * (1.0 + 0.6 * max(0.0, s.lx * side)),
            "glasses",
            0.84,
        )
