"""Every command of the README is run, in small, and whatever it points at is there."""
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from minivq import checkpoint, datasets, training_perceptual
from minivq.__main__ import main, parser
from minivq.worlds import faces, landscapes
from tests.test_imports import FLOORS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = "python|torchrun|make|conda|pytest|jupyter|pip"
FEW = 8                         # pictures that each split of a world has here

# What is said in the README -> what is run here.
SMALLER = {
    r" --(minutes|count|batch) \d+": "",
    r"(minivq train .+)": r"\1 --steps 2 --batch 2",
    r"(minivq train prior .+)": r"\1 --few",
    r"(train (?:perceptual|judge|selector))": rf"\1 --count {FEW}",
    r"folder:PATH": "folder:pictures",
    r"PICTURE(\.\.\.)?": "pictures/3.png",
    r"--size 256": "--size 32",
    r"--size 2048x576": "--size 136x128",
    r"--name faces-f8": "--name mine",                              # priors go on to find the faces-f8 they know
    r"torchrun --nproc-per-node": "torchrun --rdzv-backend c10d --rdzv-endpoint HOST:29500 --nproc-per-node",
    r"torchrun --nnodes 2 --nproc-per-node 4": "torchrun --nproc-per-node 2",
    r"HOST:29500": "localhost:0",                                                                       # any free port
    r"torchrun": "python -m torch.distributed.run",
}

# What no test can run, and why. The parser is asked about each; a target of make must be there.
LARGE = {
    "make": "an environment of its own; `make test` would run itself",
    "conda": "an environment of its own",
    "pytest": "that is what runs here",
    "jupyter lab": "waits for a reader",
    "python -m minivq course run": "minutes; the notebooks have tests of their own",
    "python -m minivq course build": "hours; so does the building",
    "python -m minivq study": "hours; test_studies and test_command_line run them in small",
    "python -m minivq ablation": "hours; test_ablation runs it in small",
    "python -m minivq bench": "minutes; test_command_line runs each kind in small",
}


def without_comment(line: str) -> str:
    return re.sub(r"\s+#.*", "", line).strip()


BLOCKS = re.findall(r"(?:^    .+\n(?:\n(?=    ))*)+", README, re.M)         # code is indented by four spaces
PYTHON = [block for block in BLOCKS if block.lstrip().startswith("import ")]
SHELL = [block for block in BLOCKS if block not in PYTHON and not block.lstrip().startswith("@")]   # @: BibTeX
INLINE = re.findall(rf"`((?:{PROGRAMS}) [^`]+)`", README)
COMMANDS = list(dict.fromkeys(command for line in [*"".join(SHELL).splitlines(), *INLINE]
                              if (command := without_comment(line)) != "python -m minivq"))
RUN = [command for command in COMMANDS if not command.startswith(tuple(LARGE))]
MAKERS = {found[1]: command for command in RUN if (found := re.search(r"--out (\S+)", command))}


class Desk:
    """A folder in which the commands of the README are run, each once, and before it those that make what it reads."""

    def __init__(self):
        self.done = {}

    def run(self, command: str) -> int:
        """Run a command, or remember how it ended; its exit code."""
        if command not in self.done:
            for read in set(re.findall(r"(?<!--out )\bruns/\S+", command)):
                assert self.run(MAKERS[read]) == 0
            small = command
            for said, run in SMALLER.items():
                small = re.sub(said, run, small)
            words = shlex.split(small)
            ours = words[:3] == ["python", "-m", "minivq"]
            self.done[command] = main(words[3:]) if ours else subprocess.run([sys.executable, *words[1:]]).returncode
        return self.done[command]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A desk with the files that the README takes for granted, small worlds, and its own place for shipped models."""
    root, load, truth = tmp_path_factory.mktemp("readme"), datasets.load, datasets.truth
    place, shipped = root / "minivq", root / "data" / "checkpoints"
    (place / "pictures").mkdir(parents=True)
    shipped.mkdir(parents=True)
    for path in checkpoint.FOLDER.iterdir():
        shutil.copy(path, shipped)
    face = faces.attributes(0)
    Image.fromarray(faces.picture(face, 64)).save(place / "FACE.png")
    Image.fromarray(np.array(faces.PALETTE, np.uint8)[faces.segmentation(face, 64)]).save(place / "MAP.png")
    labels = landscapes.segmentation(landscapes.scene(0), 128, 136)
    Image.fromarray(np.array(landscapes.PALETTE, np.uint8)[labels]).save(place / "LABELS.png")
    for i in range(FEW):
        Image.fromarray(faces.picture(faces.attributes(i), 64)).save(place / "pictures" / f"{i}.png")
    with np.load(ROOT / "tests" / "fixtures" / "autoencoder.npz") as file:
        state = {name[3:]: torch.tensor(file[name]) for name in file.files if name.startswith("sd/")}
    torch.save({"state_dict": state}, place / "last.ckpt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MINIVQ_CACHE", str(root / "cache"))
        patch.setenv("MINIVQ_WORK", str(place / "work"))
        patch.setattr(checkpoint, "FOLDER", shipped)
        patch.setattr(datasets, "load", lambda name, size, split, count=None, *crop: load(
            name, size, split, min(count or FEW, FEW) if name in datasets.WORLDS else count, *crop))
        patch.setattr(datasets, "truth", lambda name, kind, size, split, count=None: truth(
            name, kind, size, split, min(count or FEW, FEW)))
        patch.setattr(training_perceptual, "examine_perceptual", partial(training_perceptual.examine_perceptual,
                                                                         count=FEW))
        yield Desk()


@pytest.mark.parametrize("command", RUN)
def test_the_command_does_what_it_says(desk, command):
    assert desk.run(command) == 0
    made = re.search(r"(?:--out|release) (\S+)", command)
    assert made is None or Path(made[1]).exists()


@pytest.mark.parametrize("command", [command for command in COMMANDS if "-m minivq" in command])
def test_the_parser_knows_the_command(command):
    words = shlex.split(command)
    parser().parse_args(words[words.index("minivq") + 1:])


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_the_target_of_make_is_there(command):
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.M)


def test_conda_makes_and_activates_the_same_environment():
    assert "conda env create -f environment.yml" in COMMANDS
    name = re.search(r"^name: (\S+)", (ROOT / "environment.yml").read_text(), re.M)[1]
    assert f"conda activate {name}" in COMMANDS


def test_no_command_is_forgotten_and_no_exception_is_left_over():
    assert "```" not in README, "wanted code that is indented by four spaces: that is what is looked at here"
    assert len(RUN) >= 20 and all(re.match(PROGRAMS, command) for command in COMMANDS), COMMANDS
    assert all(any(command.startswith(large) for command in COMMANDS) for large in LARGE)
    assert all(re.search(said, README) for said in SMALLER)


def test_the_python_block_runs_and_its_comments_give_the_shapes(desk):
    block, = PYTHON
    names = {}
    exec(compile(re.sub("^    ", "", block, flags=re.M), "README.md", "exec"), names)
    shapes = re.findall(r"(\w+) = .*# \((.*?)\)", block)
    assert len(shapes) == 3
    for name, shape in shapes:
        assert tuple(names[name].shape) == tuple(map(int, shape.split(","))), name


def made_by_commands(path: str) -> bool:
    """Whether git ignores it."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    return any(f"{path.strip('/')}/".startswith(f"{folder}/") for folder in ignored)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)\s]+)\)", README))))
def test_a_link_leads_to_a_file_of_the_repository(target):
    assert "://" in target or (ROOT / target).exists() and not made_by_commands(target)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:yml|md|py|toml))`", README))))
def test_a_file_that_is_named_is_there_or_made_by_a_command(path):
    assert (ROOT / path).exists() or made_by_commands(path)


def test_every_lesson_has_a_row_that_links_it():
    linked = re.findall(r"^\| \[\S+ \S+\]\(notebooks/(\S+)\)", README, re.M)
    assert linked == sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


def test_the_table_of_the_package_names_every_module_on_its_floor():
    rows = re.findall(r"^\| (\d) \| (`.*`) \|$", README, re.M)
    said = {int(floor): set(re.findall(r"`(\w+)`", names)) for floor, names in rows}
    assert said == {floor: {name for name in names.split() if not name.startswith("__")}
                    for floor, names in FLOORS.items() if names != "course"}
