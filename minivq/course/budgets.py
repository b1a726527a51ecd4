"""How long a lesson takes: one frozen dataclass per lesson with two values, fast and full.

Sizes and steps only: the same code runs in both budgets, and no lesson asks which one it is in. `fast` is
what the tests run (about a minute a notebook on 2 cores), `full` is what a reader gets (at most one cell
over a minute).

Adding a field to a lesson: write it in its class with its unit in the comment, and give it in FAST and in
FULL.

    B = budget("03")
    for step in range(B.steps): ...
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget00:
    """Lesson 00, start: no training."""

    faces: int  # pictures on each of the two sheets
    scene: int  # number of the scene whose map is told
    top: int  # row of integers, of the 72 of a scene's height, at which the panorama begins
    high: int  # rows of integers of the panorama
    wide: int  # and columns


@dataclass(frozen=True)
class Budget01:
    """Lesson 01, vector quantisation: no training, k-means only."""

    pictures: int  # training pictures that patches are taken from
    points: int  # patches given to k-means, at most
    kmeans_steps: int  # passes over them


@dataclass(frozen=True)
class Budget02:
    """Lesson 02, latent grid: an autoencoder without quantiser."""

    pictures: int  # training pictures
    steps: int  # of training
    batch: int  # pictures a step
    toy_steps: int  # of each of the two small trainings of Break it (16 pictures of 32 px a step)
    looked: int  # validation pictures that are encoded for the statistics of the grid


@dataclass(frozen=True)
class Budget03:
    """Lesson 03, VQ-VAE: the long training of the ground floor."""

    pictures: int  # training pictures
    steps: int  # of training, the part without quantiser included
    batch: int  # pictures a step
    points: int  # patches given to k-means for the mosaic, at most
    kmeans_steps: int  # passes over them
    looked: int  # validation pictures that are scored
    short: int  # steps of each of the two short runs of Break it


@dataclass(frozen=True)
class Budget04:
    """Lesson 04, codebook health: several short runs at 32 px."""

    pictures: int  # training pictures
    validation: int  # pictures on which codes are counted
    trial: int  # steps of each run before the long cell, to see how long it will take
    steps: int  # of each run
    batch: int  # pictures a step


@dataclass(frozen=True)
class Budget05:
    """Lesson 05, perceptual loss: pictures painted pixel by pixel, and a decoder that learns on four times."""

    looked: int  # validation faces that are damaged at equal error, and scored
    paint: int  # steps of each picture that is painted by its pixels
    trial: int  # steps of each run before the long cell
    steps: int  # of each run
    batch: int  # pictures a step


@dataclass(frozen=True)
class Budget06:
    """Lesson 06, discriminator: a critic of patches on frozen reconstructions."""

    pictures: int  # training faces, drawn again once
    looked: int  # validation faces, likewise
    trial: int  # steps of the critics that stand in until the long cell has run
    steps: int  # of training, of each of the two critics
    batch: int  # real pictures a step, and as many redrawn ones


@dataclass(frozen=True)
class Budget07:
    """Lesson 07, VQGAN: a first stage trained on against a critic, and short runs from the same state."""

    pictures: int  # training faces
    looked: int  # validation faces that are scored
    redrawn: int  # training faces, drawn again once, for the critic that learns alone
    alone: int  # its steps
    steps: int  # of each of the two trainings
    batch: int  # pictures a step
    short: int  # steps of each of the two runs of Break it
    few: int  # pictures a step there, and in the runs of 7.5
    louder: int  # steps of each run of 7.5


@dataclass(frozen=True)
class Budget08:
    """Lesson 08, scores: no training; pictures drawn again once, and read by the judge."""

    pictures: int  # of each set that is scored
    counts: tuple[int, ...]  # sizes of the sets of Break it, the last one all pictures
    toy: tuple[int, ...]  # sizes of its sets of random numbers


@dataclass(frozen=True)
class Budget09:
    """Lesson 09, sentences: a PixelCNN on the codes of faces, and small ones on a toy language."""

    pictures: int  # training faces, encoded with their mirror images
    looked: int  # validation faces that are scored
    toy: int  # steps of each of the two nets of the toy language, 64 sentences each
    trial: int  # steps of the net that stands in until the long cell has run
    steps: int  # of training
    batch: int  # sentences a step
    broken: int  # steps of the leaky net of Break it


@dataclass(frozen=True)
class Budget10:
    """Lesson 10, transformer: one long training of a prior, and two that learn five hundred faces by heart."""

    pictures: int  # training faces, each mirrored, too
    held: int  # validation faces on which trainings are scored
    looked: int  # validation faces in which the second eye is looked at
    steps: int  # of the long training
    batch: int  # sentences a step
    few: int  # faces that are learned by heart
    memory: int  # steps of each of the two trainings on them


@dataclass(frozen=True)
class Budget11:
    """Lesson 11, sampling: no training; faces are drawn by the shipped prior."""

    drawn: int  # faces of each set whose nats are compared
    known: int  # training faces, each mirrored, too, in which the nearest are looked for
    asked: int  # drawn faces, and validation faces, whose nearest are looked for
    rounds: int  # times that one token is timed; the median counts
    sheet: int  # faces of 64 px on the sheet, twice as many as of 128 px


@dataclass(frozen=True)
class Budget12:
    """Lesson 12, conditions: no training but that of Break it's toy."""

    faces: int  # test faces that are told, and scored
    each: int  # faces drawn for each of the twelve classes, of which the best is kept
    toy_steps: int  # of each of the two trainings of Break it
    toy: int  # its maps that are drawn from


@dataclass(frozen=True)
class Budget15:
    """Lesson 15, own pictures: a VQGAN and a prior on a folder that the lesson draws, or on the reader's."""

    pictures: int  # drawn into the folder
    minutes: float  # of each of the two trainings, by the presets' rough pace
    asked: int  # samples, and as many validation pictures, whose nearest are looked for


@dataclass(frozen=True)
class Budget13:
    """Lesson 13, sliding window: no training; landscapes and faces are painted by shipped priors."""

    faces: int  # drawn by each of the two priors of windows, and as many real ones
    wide: int  # tokens of the width of the strip that is painted in windows and in tiles; 16 high
    top: int  # row of tokens, of the 72 of a scene's height, at which the strip begins
    panorama: tuple[int, int]  # tokens: rows, columns
    top_wide: int  # and at which the panorama begins
    strips: int  # tall landscapes whose tokens are scored row by row
    rows: int  # tokens of their height; 16 wide
    own: tuple[int, int]  # tokens of the landscape that the learner paints a map for


@dataclass(frozen=True)
class Budget14:
    """Lesson 14, ablation: three priors of windows, and two more in Break it."""

    palette: int  # training faces whose pixels make the 512 colours of f = 1
    pictures: int  # training faces, as tokens of three first stages
    held: int  # validation faces, likewise
    looked: int  # test faces that all five first stages draw again
    steps: int  # of each of the three priors, and of the one with a smaller window
    batch: int  # windows a step
    drawn: int  # faces that each of them draws
    lost: int  # steps of each of the two priors of Break it
    strays: int  # faces that each of those draws


FAST = {
    "00": Budget00(faces=24, scene=1_000_019, top=16, high=16, wide=20),
    "01": Budget01(pictures=200, points=12_000, kmeans_steps=5),
    "02": Budget02(pictures=256, steps=15, batch=8, toy_steps=20, looked=32),
    "03": Budget03(
        pictures=256, steps=20, batch=8, points=12_000, kmeans_steps=3, looked=32, short=25
    ),
    "04": Budget04(pictures=256, validation=64, trial=2, steps=8, batch=16),
    "05": Budget05(looked=8, paint=70, trial=1, steps=4, batch=8),
    "06": Budget06(pictures=64, looked=32, trial=60, steps=60, batch=8),
    "07": Budget07(
        pictures=64, looked=8, redrawn=16, alone=14, steps=3, batch=4, short=8, few=2, louder=2
    ),
    "08": Budget08(pictures=96, counts=(12, 24, 48, 96), toy=(128, 256, 512)),
    "09": Budget09(pictures=256, looked=64, toy=120, trial=4, steps=6, batch=16, broken=6),
    "10": Budget10(pictures=64, held=16, looked=16, steps=4, batch=8, few=16, memory=4),
    "11": Budget11(drawn=16, known=128, asked=16, rounds=3, sheet=16),
    "12": Budget12(faces=24, each=2, toy_steps=150, toy=128),
    "15": Budget15(pictures=700, minutes=0.015, asked=16),
    "13": Budget13(faces=12, wide=20, top=32, panorama=(18, 20), top_wide=16, strips=1, rows=24, own=(16, 17)),
    "14": Budget14(
        palette=6, pictures=64, held=16, looked=12, steps=4, batch=8, drawn=6, lost=4, strays=4
    ),
}

FULL = {
    "00": Budget00(faces=24, scene=1_000_019, top=16, high=32, wide=125),
    "01": Budget01(pictures=2000, points=80_000, kmeans_steps=15),
    "02": Budget02(pictures=8000, steps=500, batch=8, toy_steps=150, looked=256),
    "03": Budget03(
        pictures=11_000, steps=1400, batch=8, points=80_000, kmeans_steps=15, looked=256, short=200
    ),
    "04": Budget04(pictures=4000, validation=1000, trial=10, steps=180, batch=16),
    "05": Budget05(looked=32, paint=150, trial=4, steps=170, batch=8),
    "06": Budget06(pictures=1500, looked=200, trial=60, steps=1000, batch=8),
    "07": Budget07(
        pictures=6400, looked=64, redrawn=256, alone=200, steps=800, batch=8, short=30, few=8, louder=14
    ),
    "08": Budget08(pictures=2000, counts=(64, 256, 1000, 2000), toy=(128, 256, 512, 1024, 2048)),
    "09": Budget09(pictures=4000, looked=1000, toy=120, trial=30, steps=1300, batch=32, broken=150),
    "10": Budget10(pictures=8000, held=256, looked=64, steps=1300, batch=32, few=500, memory=300),
    "11": Budget11(drawn=128, known=4000, asked=256, rounds=9, sheet=64),
    "12": Budget12(faces=96, each=8, toy_steps=300, toy=200),
    "15": Budget15(pictures=5000, minutes=4.0, asked=200),
    "13": Budget13(faces=32, wide=96, top=32, panorama=(48, 128), top_wide=16, strips=4, rows=72, own=(48, 64)),
    "14": Budget14(
        palette=100, pictures=2000, held=200, looked=128, steps=300, batch=32, drawn=24, lost=300, strays=24
    ),
}


def budget_name():
    """-> "fast" or "full": the environment's MINIVQ_BUDGET, "full" where it is not set.

    Raises ValueError where it holds anything else.
    """
    name = os.environ.get("MINIVQ_BUDGET", "full")
    if name not in ("fast", "full"):
        raise ValueError(f"MINIVQ_BUDGET is {name!r}, wanted 'fast' or 'full'")
    return name


def budget(lesson):
    """"03" -> the frozen dataclass of that lesson's sizes and steps, fast or full by MINIVQ_BUDGET.

    Raises ValueError for a lesson without a budget, and for another MINIVQ_BUDGET than fast and full.
    """
    table = FAST if budget_name() == "fast" else FULL
    key = str(lesson).zfill(2)
    if key not in table:
        raise ValueError(f"no budget for lesson {lesson!r}, wanted one of {', '.join(sorted(table))}")
    return table[key]
