"""The floors of the house, the length of its rooms, and what may be pinned where."""
import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "minivq"
FLOORS = {
    0: "layers metrics checkpoint distributed muon plot cache windows worlds",
    1: ("datasets folders drawing halves runs quantize discriminator perceptual losses transformer pixelcnn judge "
        "selector"),
    2: "autoencoder conditioning sampling twostage",
    3: "training training_gan training_readers training_perceptual training_prior sentences pretrained",
    4: ("evaluation evaluation_samples evaluation_conditions ablation_figures ablation_scores bench bench_sampling "
        "bench_sliding cards commands"),
    5: ("ablation commands_train commands_prior commands_sample commands_sliding commands_use studies studies_priors "
        "__main__ __init__"),
    6: "course",  # beside the house: sees everything, and only __main__ looks at it
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names.split()}
SOURCES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
           for path in sorted(PACKAGE.rglob("*.py"))}


def imports(module):
    """The modules of minivq that `module` imports anywhere in its text, as names below minivq."""
    found = set()
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import, wanted minivq.…"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "minivq":
                inner = name.split(".")[1:]
                while inner and ".".join(inner) not in SOURCES:  # from minivq.layers import ResBlock
                    inner.pop()
                found.add(".".join(inner) or "__init__")
    return found - {module}


GRAPH = {module: imports(module) for module in SOURCES}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_go_down_or_sideways(module):
    room = module.split(".")[0]
    assert room in FLOOR, f"{module} is on no floor yet: add it to FLOORS"
    others = {other.split(".")[0] for other in GRAPH[module]}
    allowed = {"course"} if room == "__main__" else set()
    above = {other for other in others - allowed if FLOOR[other] > FLOOR[room]}
    assert not above, f"{module} imports {above} from above"


def test_imports_go_in_no_circle():
    done, path = set(), []

    def walk(module):
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            path.append(module)
            for other in sorted(GRAPH[module]):
                walk(other)
            path.pop()
            done.add(module)

    for module in GRAPH:
        walk(module)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_is_read_in_one_sitting(module):
    lines = len(SOURCES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= 280, f"{module} has {lines} lines"


def test_importing_minivq_needs_torch_and_numpy_alone():
    heavy = "torchvision lpips matplotlib PIL scipy IPython nbformat".split()
    code = f"import sys, minivq; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.strip() == "[]"


def test_every_version_is_pinned_once_in_environment_yml():
    lines = re.findall(r"^      - (.*?)\s*(?:#.*)?$", (ROOT / "environment.yml").read_text(), re.M)
    pinned = [re.fullmatch(r"([a-z-]+)==[\d.]+", line) for line in lines if line != "-e ."]
    assert all(pinned) and "-e ." in lines, lines
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    assert sorted(wanted) == sorted(match[1] for match in pinned)
