"""Memory: a training at 64 px, a set of 100,000 pictures, many steps. Each is measured in a process of its own."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PROC = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="RssAnon is told by Linux alone, in /proc")

# Of VmHWM and ru_maxrss, the peak of a process: the second begins with what the process was that started it.
# RssAnon is what the process holds itself. Pages of a memory map are RssFile: they count while they are there, but they
# belong to the disk's cache, and the system takes them back whenever anyone needs the place.
MEMORY = """
import resource, sys
from pathlib import Path

def megabytes(name):
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().split(name + ":")[1].split()[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6             # macOS: bytes, and the peak alone
"""


def measured(script: str, *arguments) -> list[float]:
    """What a program prints in its last line, as numbers."""
    done = subprocess.run([sys.executable, "-c", MEMORY + script, *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.splitlines()[-1].split()]


TRAINING = """
from minivq.__main__ import main
code = main(["train", "vqvae", "--data", "folder:" + sys.argv[1], "--steps", "8", "--out", sys.argv[2]])
print(megabytes("VmHWM") if code == 0 else -1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the module resource is there on Linux and macOS")
def test_a_training_at_64_px_holds_under_1_5_gb(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(30):
        small = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / "pictures" / f"{i}.png")
    peak, = measured(TRAINING, tmp_path / "pictures", tmp_path / "run")
    assert 100 < peak < 1500


LARGE_SET = """
import numpy as np
from minivq import cache, datasets, training
held = []
for total in (1_000, 100_000):
    before = megabytes("RssAnon")
    pixels, labels = cache.pictures(f"of{total}", None, None, "")
    rows = np.arange(len(pixels))
    pictures = datasets.Pictures("large", "train", 64, pixels, rows, source=rows, labels=labels)
    config = training.TrainConfig(steps=300)
    for step in range(config.steps):
        assert training.batch_of(pictures, config, step).shape == (8, 3, 64, 64)
    held.append(megabytes("RssAnon") - before)
    assert len(pictures) == total
print(*held)
"""


@PROC
def test_a_set_of_100_000_pictures_takes_no_more_than_one_of_1_000(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path))
    for total in (1_000, 100_000):                                  # holes: 1.2 GB to whoever reads them, none on disk
        path = tmp_path / f"of{total}-{total}of{total}.npy"
        np.lib.format.open_memmap(path, "w+", np.uint8, (total, 64, 64, 3)).flush()
        with open(path.with_suffix(".labels"), "wb") as file:
            np.save(file, np.zeros(total, np.int64))
    small, large = measured(LARGE_SET)
    assert large < small + 100, f"{large:.0f} MB, a small set {small:.0f} MB"


MANY_STEPS = """
import torch
from minivq import training
from minivq.autoencoder import VQVAE
from tests.toys import TINY, toy_pictures
torch.set_num_threads(1)
held, step = {}, training.vqvae_step

def watched(*arguments):
    held[arguments[-1]] = megabytes("RssAnon")
    return step(*arguments)

training.vqvae_step, steps = watched, int(sys.argv[2])
training.train_vqvae(TINY, training.TrainConfig(steps=steps, save_every=50), toy_pictures(), toy_pictures(),
                     Path(sys.argv[1]))
print(held[100], held[steps - 1])
"""


@PROC
def test_500_more_steps_hold_no_more_memory(tmp_path):
    before, after = measured(MANY_STEPS, tmp_path, 600)
    assert after < before + 8, f"{before:.1f} MB after 100 steps, {after:.1f} MB after 600"
