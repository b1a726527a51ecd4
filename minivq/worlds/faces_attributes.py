"""What a face is before it is drawn: its attributes, their probabilities, and what follows from them.

Every attribute that occurs twice in a picture is kept once per picture side (`Side`), so that a real
face (both sides alike) and a chimera (both sides independent) go through the same painter.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

# The doubled attributes: value -> probability. The order of the values is their class id.
IRIS = {"brown": 0.34, "amber": 0.16, "green": 0.22, "blue": 0.28}
NATURAL = {"black": 0.28, "brown": 0.28, "blond": 0.17, "ginger": 0.13, "grey": 0.14}
DYE = {"none": 0.86, "blue": 0.05, "pink": 0.05, "green": 0.04}
SKIN = {"fair": 0.32, "tan": 0.28, "brown": 0.22, "deep": 0.18}
BEARD = {"none": 0.22, "moustache": 0.22, "goatee": 0.22, "full": 0.34}  # where a beard may grow at all
GLASSES = {"none": 0.64, "round": 0.18, "square": 0.18}
LENS = {"clear": 0.58, "dark": 0.16, "amber": 0.13, "blue": 0.13}
EARRING = {"none": 0.66, "gold": 0.12, "pearl": 0.11, "jade": 0.11}
CLOTH = {"cream": 0.18, "mustard": 0.16, "red": 0.16, "green": 0.16, "blue": 0.18, "charcoal": 0.16}
LIGHT = {"left": 0.4, "front": 0.2, "right": 0.4}

# What a picture has once. Hair: name -> (probability, length group, covers the ears, shows below a hat).
STYLES = {
    "bald": (0.13, "bare", False, False),
    "buzz": (0.14, "bare", False, False),
    "parted": (0.10, "short", False, False),
    "quiff": (0.08, "short", False, False),
    "curls": (0.08, "short", False, False),
    "mohawk": (0.04, "short", False, False),
    "bun": (0.07, "short", False, False),
    "afro": (0.07, "long", True, True),
    "fringe": (0.07, "long", True, True),
    "bob": (0.08, "long", True, True),
    "straight": (0.07, "long", True, True),
    "wavy": (0.07, "long", True, True),
}
BEARD_MAY_GROW = {"bare": 0.60, "short": 0.52, "long": 0.34}  # by length group of the hair
HAT = {"none": 0.72, "beanie": 0.15, "cap": 0.13}
MOUTH = {"neutral": 0.36, "smile": 0.38, "open": 0.26}
CLOTHES = {"crew": 0.30, "collar": 0.22, "stripes": 0.22, "hoodie": 0.26}

CLASSES = tuple(f"{hair}, {face}" for hair in ("bare", "short", "long", "hat")
                for face in ("plain", "glasses", "beard"))


class Pair(NamedTuple):
    """One doubled attribute: class ids on the picture's left and right, and whether each can be seen."""

    left: int
    right: int
    left_visible: bool
    right_visible: bool


@dataclass(frozen=True)
class Side:
    """The doubled attributes of one side of the picture, as class ids in the order of the tables above."""

    iris: int
    natural: int
    dye: int
    skin: int
    beard: int
    glasses: int
    lens: int
    earring: int
    cloth: int

    @property
    def hair(self) -> int:
        """Class id of the hair's colour: 0..4 natural, 5..7 dyed."""
        return self.natural if self.dye == 0 else len(NATURAL) + self.dye - 1


@dataclass(frozen=True)
class Face:
    """Everything that the generator drew for one portrait; lengths in fractions of the picture.

    Directions (`light`, `back_light`, `gaze`, `shift`, `tilt`, `parting`) are signed: positive is to
    the right (tilt: clockwise; y down). Fields without a comment are numbers in [0, 1] that the painter
    scales. """

    left: Side
    right: Side
    light: tuple[float, float]  # towards the light, x and y; it falls on the person
    back_light: tuple[float, float]  # the same, on the background
    style: int
    hat: int
    mouth: int
    clothes: int
    shift: tuple[float, float]
    scale: float
    tilt: float  # radians
    parting: float
    gaze: tuple[float, float]
    head: tuple[float, float, float, float]  # half width, half height, taper of the jaw, squareness
    eyes: tuple[float, float, float]  # openness, slant, spacing
    brow: tuple[float, float, float]  # thickness, arch, angle
    nose: tuple[float, float]  # length, width
    lips: tuple[float, float]  # width, fullness
    makeup: float  # 0 without; above, the shade of the lipstick
    blush: float
    freckles: float
    stubble: float
    hue: tuple[float, float, float]  # small common shift of skin, hair and clothes
    backdrop: int
    back_tone: float
    hat_tone: float
    frame_tone: float
    volume: float
    wave: float


def _pick(u: float, weights) -> int:
    """[0, 1) -> class id, by the weights."""
    total = 0.0
    for i, w in enumerate(weights):
        total += w
        if u < total:
            return i
    return len(weights) - 1


def _side(random, may_grow: bool) -> Side:
    """Draw one side; the number of draws does not depend on what is drawn."""
    u = [random() for _ in range(9)]
    return Side(
        iris=_pick(u[0], list(IRIS.values())), natural=_pick(u[1], list(NATURAL.values())),
        dye=_pick(u[2], list(DYE.values())), skin=_pick(u[3], list(SKIN.values())),
        beard=_pick(u[4], list(BEARD.values())) if may_grow else 0,
        glasses=_pick(u[5], list(GLASSES.values())),
        lens=_pick(u[6], list(LENS.values())), earring=_pick(u[7], list(EARRING.values())),
        cloth=_pick(u[8], list(CLOTH.values())))


def _light(random) -> tuple[float, float]:
    """Draw a direction of light: clearly left, clearly right, or from the front; always from above."""
    kind, u, v = _pick(random(), list(LIGHT.values())) - 1, random(), random()
    return (kind * (0.62 + 0.25 * u) if kind else 0.1 * (u - 0.5)), -(0.30 + 0.3 * v)


def attributes(index: int, seed: int = 0, chimera: bool = False) -> Face:
    """(index, seed) -> Face: the attributes of one portrait; in a chimera both sides are independent.

    A chimera shares with the real face of the same (seed, index) all that is not doubled.

    Raises:
        ValueError: index or seed is negative.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"index {index}, seed {seed}: both must be 0 or more")
    random = np.random.default_rng([seed, index]).random
    style = _pick(random(), [row[0] for row in STYLES.values()])
    group = list(STYLES.values())[style][1]
    may_grow = random() < BEARD_MAY_GROW[group]
    hat = _pick(random(), list(HAT.values()))
    mouth = _pick(random(), list(MOUTH.values()))
    clothes = _pick(random(), list(CLOTHES.values()))
    u = [random() for _ in range(36)]
    light, left = _light(random), _side(random, may_grow)
    back_light, right = _light(random), _side(random, may_grow)
    if not chimera:
        back_light, right = light, left
    return Face(
        left=left, right=right, light=light, back_light=back_light, style=style, hat=hat, mouth=mouth,
        clothes=clothes, shift=(0.04 * (u[0] - 0.5), 0.03 * (u[1] - 0.5)), scale=0.93 + 0.12 * u[2],
        tilt=0.16 * (u[3] + u[4] - 1), parting=1.0 if u[5] < 0.5 else -1.0,
        gaze=(0.024 * (u[6] - 0.5), 0.008 * (u[7] - 0.5)),
        head=(0.194 + 0.030 * u[8], 0.262 + 0.035 * u[9], 0.12 + 0.2 * u[10], 0.25 + 0.5 * u[11]),
        eyes=(u[12], 0.14 * (u[13] - 0.35), u[14]), brow=(u[15], u[16], 0.5 * (u[17] - 0.5)),
        nose=(u[18], u[19]), lips=(u[20], u[21]), makeup=u[23] if not may_grow and u[22] < 0.45 else 0.0,
        blush=u[24], freckles=max(0.0, u[25] * 4 - 3), stubble=u[26] if may_grow else 0.0,
        hue=(u[27], u[28], u[29]), backdrop=int(u[30] * 12), back_tone=u[31], hat_tone=u[32],
        frame_tone=u[33], volume=u[34], wave=u[35])


def style_name(face: Face) -> str:
    """The name of the face's hair style."""
    return list(STYLES)[face.style]


def hair_shows(face: Face) -> bool:
    """Whether the hair's colour can be seen, on both sides or on neither."""
    return style_name(face) != "bald" and (face.hat == 0 or STYLES[style_name(face)][3])


def pairs(face: Face) -> dict[str, Pair]:
    """The doubled attributes and their visibility; of `light`, left is the face, right the background."""
    sides = (face.left, face.right)
    ears = not STYLES[style_name(face)][2]
    shown = hair_shows(face)

    def pair(values, visible) -> Pair:
        return Pair(*values, *(bool(v) for v in visible))

    def kind(light) -> int:
        return 0 if light[0] < -0.3 else 2 if light[0] > 0.3 else 1

    bearded, glasses = [s.beard > 0 for s in sides], [s.glasses > 0 for s in sides]
    return {
        "iris": pair([s.iris for s in sides], [s.glasses == 0 or s.lens == 0 for s in sides]),
        "hair": pair([s.hair for s in sides], [shown, shown]),
        "skin": pair([s.skin for s in sides], [True, True]),
        "beard": pair([s.beard for s in sides], bearded),
        "beard colour": pair([s.natural for s in sides], bearded),
        "glasses": pair([s.glasses for s in sides], glasses),
        "lens": pair([s.lens for s in sides], glasses),
        "earring": pair([s.earring for s in sides], [ears and s.earring > 0 for s in sides]),
        "clothes": pair([s.cloth for s in sides], [True, True]),
        "light": pair([kind(face.light), kind(face.back_light)], [True, True]),
    }


def values(name: str) -> tuple[str, ...]:
    """The names of a pair's class ids, in their order."""
    hair = (*NATURAL, *list(DYE)[1:])
    return {"iris": tuple(IRIS), "hair": hair, "skin": tuple(SKIN), "beard": tuple(BEARD),
            "beard colour": tuple(NATURAL), "glasses": tuple(GLASSES), "lens": tuple(LENS),
            "earring": tuple(EARRING), "clothes": tuple(CLOTH), "light": tuple(LIGHT)}[name]


def chance(name: str) -> float:
    """How often a pair that counts agrees when both sides are independent, by this world's own probabilities.

    A pair counts if either side is visible; it agrees if both are visible with the same value. With
    visibility v per side and value probabilities q: v^2 sum q^2 / (1 - (1 - v)^2).
    """
    natural, dye = np.array(list(NATURAL.values())), np.array(list(DYE.values()))
    beard, glasses = np.array(list(BEARD.values())), np.array(list(GLASSES.values()))
    earring, lens = np.array(list(EARRING.values())), np.array(list(LENS.values()))
    clear = glasses[0] + (1 - glasses[0]) * lens[0]
    v, q = {
        "iris": (clear, np.array(list(IRIS.values()))),
        "hair": (1.0, np.concatenate([natural * dye[0], dye[1:]])),
        "skin": (1.0, np.array(list(SKIN.values()))),
        "beard": (1 - beard[0], beard[1:] / (1 - beard[0])),
        "beard colour": (1 - beard[0], natural),
        "glasses": (1 - glasses[0], glasses[1:] / (1 - glasses[0])),
        "lens": (1 - glasses[0], lens),
        "earring": (1 - earring[0], earring[1:] / (1 - earring[0])),
        "clothes": (1.0, np.array(list(CLOTH.values()))),
        "light": (1.0, np.array(list(LIGHT.values()))),
    }[name]
    return float(v * v * (q**2).sum() / (1 - (1 - v) ** 2))


def label(face: Face) -> int:
    """Face -> class id in CLASSES: hat or length of hair, and beard or glasses (the left side's)."""
    row = 3 if face.hat else ("bare", "short", "long").index(list(STYLES.values())[face.style][1])
    return 3 * row + (2 if face.left.beard else 1 if face.left.glasses else 0)


def flip(face: Face) -> Face:
    """The mirrored face: its sides exchanged, its directions turned round."""
    return replace(
        face, left=face.right, right=face.left, light=(-face.light[0], face.light[1]),
        back_light=(-face.back_light[0], face.back_light[1]), shift=(-face.shift[0], face.shift[1]),
        tilt=-face.tilt, parting=-face.parting, gaze=(-face.gaze[0], face.gaze[1]))
