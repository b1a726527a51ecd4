"""What goes wrong in an hour: a damaged picture, a full disk, a kill, a nan, a night's sleep. Nothing saved is lost.

How a training goes on is in test_training; here is what the commands say and leave behind.
"""
import fnmatch
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from minivq import cache, checkpoint, datasets, runs, training
from minivq.__main__ import main
from minivq.course import trainings
from minivq.training import TrainConfig, train_vqvae
from tests.toys import TINY, smooth_files, toy_pictures

ROOT = Path(__file__).resolve().parents[1]
SHORT = TrainConfig(steps=12, batch=4, save_every=5, bf16=False)
FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
UNIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of Unix")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty smooth coloured pictures of 16 x 16 px, and one that was cut off."""
    root = tmp_path_factory.mktemp("pictures")
    smooth_files(root, 16, 16)
    (root / "cut.png").write_bytes((root / "00.png").read_bytes()[:60])
    return root


@pytest.fixture
def command(folder, tmp_path, monkeypatch):
    """A training of twelve steps that saves every fifth, in tmp_path / "run"; with a cache of its own."""
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    return ["train", "vqvae", "--data", f"folder:{folder}", "--size", "16", "--factor", "4", "--codes", "16",
            "--widths", "8", "16", "16", "--batch", "4", "--steps", "12", "--save-every", "5", "--float32",
            "--out", str(tmp_path / "run")]


pytestmark = pytest.mark.filterwarnings("ignore:1 pictures of")       # the one that is cut off


def said(capsys) -> str:
    """The one line that an error is told in."""
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith("minivq: ")
    return line


def weights(out: Path) -> dict:
    return checkpoint.read(out / "state.pt")["model"]


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


# A damaged picture ------------------------------------------------------------------------------------------

def test_a_damaged_picture_is_named_and_the_others_are_learned_from(command, tmp_path):
    with pytest.warns(UserWarning, match="1 pictures of .* are left out:\n  cut.png: cannot be read"):
        assert main(command) == 0
    assert "left out: cut.png" in (tmp_path / "run" / "card.md").read_text()


# A full disk ------------------------------------------------------------------------------------------------

def full_disk(patch: pytest.MonkeyPatch, name: str, times: int = 0) -> None:
    """From now on a file of this name (* is anything) fits on the disk so many times, and then no more."""
    real, met = open, []

    def opened(path, mode="r", *rest, **options):
        if fnmatch.fnmatch(Path(str(path)).name, name) and set(mode) & set("wa"):
            met.append(path)
            if len(met) > times:
                real(path, mode).close()                            # the name still fits, and what was there is gone
                path = "/dev/full"
        return real(path, mode, *rest, **options)

    for place in ("builtins.open", "io.open"):
        patch.setattr(place, opened)


@FULL
@pytest.mark.parametrize("name, times, saved", [
    ("state.pt.part", 1, 5), ("log.jsonl", 0, None), ("model.pt.part", 0, 12), ("card.md.part", 0, 12),
    ("folder-*.u8.*", 0, None), ("folder-*.json.*", 0, None)])
def test_a_full_disk_is_told_in_a_line_and_the_same_command_goes_on(command, name, times, saved, tmp_path, capsys):
    out, file = tmp_path / "run", name.removesuffix(".part").strip(".*").split("*")[-1]
    with pytest.MonkeyPatch.context() as patch:
        full_disk(patch, name, times)
        assert main(command) == 2
    line = said(capsys)
    assert file in line and "No space left on device" in line and ("free space" in line or "MINIVQ_CACHE" in line)
    assert not list(tmp_path.rglob("*.part"))
    assert (checkpoint.read(out / "state.pt")["step"] if (out / "state.pt").exists() else None) == saved
    assert main(command) == 0
    assert [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()] == list(range(12))
    assert (out / "model.pt").is_file() and (out / "card.md").is_file()


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))             # no file may grow beyond that
runpy.run_module("minivq", run_name="__main__")
"""


@UNIX
def test_a_save_that_breaks_off_ends_the_program_with_a_line_and_no_half_file(command, tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, *command], cwd=ROOT, capture_output=True, text=True)
    warned, which, error = done.stderr.splitlines()                 # and no Traceback
    assert warned.startswith("minivq: 1 pictures of ") and which.startswith("  cut.png: cannot be read")
    assert error.startswith(f"minivq: could not write {tmp_path / 'run' / 'state.pt'} (File too large)")
    assert done.returncode == 2
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["log.jsonl"]


@FULL
def test_a_lesson_goes_on_after_a_full_disk(tmp_path, monkeypatch):
    def make(folder):
        return 1

    monkeypatch.chdir(tmp_path)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError):
        full_disk(patch, "seconds.json")
        trainings.trained(3, {}, make)
    assert trainings.trained(3, {}, make) == 1


# A kill -----------------------------------------------------------------------------------------------------

SHOT = """
import os, signal, sys, torch
from pathlib import Path
from minivq.training import TrainConfig, train_vqvae
from tests.toys import TINY, toy_pictures
torch.set_num_threads(1)
saves, save = [], torch.save

def shot(payload, file):
    saves.append(1)
    if len(saves) == int(sys.argv[2]):
        file.write(b"half of it")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    save(payload, file)

torch.save = shot
train_vqvae(TINY, TrainConfig(**eval(sys.argv[3])), toy_pictures(), toy_pictures(), Path(sys.argv[1]))
"""


@UNIX
@pytest.mark.parametrize("save, first", [(1, 0), (2, 5)])
def test_killed_in_the_middle_of_a_save_it_goes_on_from_the_one_before(save, first, tmp_path):
    out = tmp_path / "shot"
    shot = subprocess.run([sys.executable, "-c", SHOT, str(out), str(save), repr(vars(SHORT))], cwd=ROOT, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert shot.returncode == -signal.SIGKILL, shot.stderr
    assert (out / "state.pt.part").read_bytes() == b"half of it"
    assert (checkpoint.read(out / "state.pt")["step"] if (out / "state.pt").exists() else 0) == first
    for name in ("shot", "whole"):
        train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path / name)
    assert same(weights(out), weights(tmp_path / "whole"))


HEARD = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)        # tests in the background are born deaf to it
runpy.run_module("minivq", run_name="__main__")
"""


@UNIX
def test_an_interrupt_is_answered_in_a_line(command, tmp_path):
    command[command.index("--steps") + 1] = "100000"
    program = [sys.executable, "-c", HEARD, *command]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while not (tmp_path / "run" / "state.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=300)[1]
    assert process.returncode == 130 and "Traceback" not in error
    assert error.splitlines()[-1] == "minivq: interrupted; the same command goes on from the last save"
    done = len((tmp_path / "run" / "log.jsonl").read_text().splitlines())
    assert checkpoint.read(tmp_path / "run" / "state.pt")["step"] == done           # not a step is lost


def test_where_steps_are_slow_a_minute_at_most_is_lost(tmp_path, monkeypatch):
    clock = iter(range(0, 100_000, 25))                             # seconds, each time one looks
    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    run, saved = runs.Run(tmp_path, {}, {}, 12, 1000), []
    monkeypatch.setattr(run, "save", lambda step, minutes: saved.append(step))
    for step in run:
        run.log({"step": step}, "")
    assert saved == [3, 6, 9, 12]


def test_a_log_that_lost_its_end_goes_on_from_the_save(tmp_path):
    log, lines = tmp_path / "log.jsonl", [b'{"step": %d}\n' % step for step in range(9)]
    log.write_bytes(b"".join(lines[:7]) + bytes(50) + b"\n" + lines[8][:9])       # what a loss of power leaves
    with runs.open_log(tmp_path, 5) as file:
        file.write(lines[5])
    assert log.read_bytes() == b"".join(lines[:6])


@pytest.mark.parametrize("end", [".npy", ".labels"])
def test_a_damaged_file_of_the_cache_is_named_with_the_way_out(end, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path))

    def source():
        return 3, lambda start, stop: iter([(np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, np.int64))])

    cache.pictures("toy", None, source, "drawing")
    path = tmp_path / f"toy-3of3{end}"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="toy-3of3.npy or its .labels is damaged.*remove both"):
        cache.pictures("toy", None, source, "drawing")
    for kept in tmp_path.iterdir():
        kept.unlink()
    assert len(cache.pictures("toy", None, source, "drawing")[0]) == 3


# A nan ------------------------------------------------------------------------------------------------------

def test_a_nan_is_never_saved(command, tmp_path, monkeypatch, capsys):
    step = training.vqvae_step

    def spoiling(model, *rest):
        line = step(model, *rest)
        if rest[-1] == 9:                                           # the loss was finite, its gradient was not
            model.decoder.conv_out.bias.data[0] = float("nan")
        return line

    monkeypatch.setattr(training, "vqvae_step", spoiling)
    assert main(command) == 2
    line = said(capsys)
    assert "model.decoder.conv_out.bias is inf or nan after step 9: the save before it is kept" in line
    assert "lower peak learning rate and another --out" in line
    kept = checkpoint.read(tmp_path / "run" / "state.pt")
    assert kept["step"] == 5 and not runs.not_finite(kept)


# A night's sleep --------------------------------------------------------------------------------------------

@UNIX
@pytest.mark.parametrize("signals, saved", [([signal.SIGINT], 8), ([signal.SIGTERM], 8), ([signal.SIGINT] * 2, 5)])
def test_who_ends_it_loses_not_even_the_step_unless_in_a_hurry(signals, saved, command, tmp_path, monkeypatch, capsys):
    step, sent = training.vqvae_step, list(signals)

    def disturbed(*arguments):
        while arguments[-1] == 7 and sent:                          # in the middle of step 7; saves are after 5 and 10
            os.kill(os.getpid(), sent.pop())
        return step(*arguments)

    monkeypatch.setattr(training, "vqvae_step", disturbed)
    assert main(command) == 130 and "the same command goes on" in capsys.readouterr().err
    assert checkpoint.read(tmp_path / "run" / "state.pt")["step"] == saved
    assert main(command) == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


HOLDS_IT = """
import sys, time
from pathlib import Path
from minivq import runs
file = runs.locked(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@UNIX
def test_a_second_process_in_the_same_folder_is_refused_and_harms_nothing(command, tmp_path, capsys):
    assert main(command) == 0
    log = tmp_path / "run" / "log.jsonl"
    before = log.read_bytes()
    with subprocess.Popen([sys.executable, "-c", HOLDS_IT, log], cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert main(command) == 2
        assert "another process trains in" in said(capsys) and log.read_bytes() == before
        other.kill()
    assert main(command) == 0


def test_a_log_file_gets_a_line_of_progress_a_minute(command, monkeypatch, capsys):
    monkeypatch.setattr(runs, "OFTEN", 0)
    assert main(command) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.endswith(" minutes left")]
    assert len(lines) == 12 and lines[5].startswith("step 6 of 12, ")


def test_a_night_of_sleep_changes_neither_the_steps_nor_the_weights(command, tmp_path, monkeypatch):
    at = command.index("--steps")
    timed = command[:-1][:at] + ["--minutes", "0.0001"] + command[:-1][at + 2:]
    night, step = [0.0], training.vqvae_step
    monkeypatch.setattr(training, "seconds_per_step", lambda *_: 1e-4 if night[0] else 1.0)     # of the 20 timed ones
    assert main([*timed, str(tmp_path / "whole")]) == 0

    def sleepy(*arguments):
        if arguments[-1] == 7:
            night[0] += 8 * 3600
        if arguments[-1] == 13 and night[0] < 9 * 3600:             # and once more, with the lid closed for good
            night[0] += 8 * 3600
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + night[0]))
    monkeypatch.setattr(training, "vqvae_step", sleepy)
    assert main([*timed, str(tmp_path / "slept")]) == 130
    assert main([*timed, str(tmp_path / "slept")]) == 0
    state = checkpoint.read(tmp_path / "slept" / "state.pt")
    assert state["step"] == state["about"]["train"]["steps"] == 20
    assert same(state["model"], weights(tmp_path / "whole"))


@pytest.mark.parametrize("name, content, wanted", [
    ("thesis.txt", b"years of work", "holds other files (thesis.txt)"),
    ("state.pt", None, "state.pt has no about, minutes, step: wanted a save of a training"),
])
def test_a_folder_that_is_taken_is_refused_before_a_picture_is_read(name, content, wanted, command, tmp_path,
                                                                    monkeypatch, capsys):
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("read pictures first"))
    taken = tmp_path / "run" / name
    taken.parent.mkdir()
    if content is None:
        checkpoint.write(taken, {"kind": "vqvae"})
    else:
        taken.write_bytes(content)
    before = taken.read_bytes()
    assert main(command) == 2
    assert wanted in said(capsys)
    assert taken.read_bytes() == before


def test_going_on_says_how_many_steps_there_are_whatever_minutes_are_asked_for(command, capsys):
    assert main(command) == 0
    at = command.index("--steps")
    capsys.readouterr()
    assert main([*command[:at], "--minutes", "500", *command[at + 2:]]) == 0
    assert "12 of the 12 steps that it was begun with are done" in capsys.readouterr().out
