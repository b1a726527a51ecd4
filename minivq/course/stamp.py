"""The stamp of a built notebook: hashes of all it rests on, by which a test sees that it is fresh."""

import ast
import dataclasses
import hashlib
import io
import json
import tokenize
from pathlib import Path

from minivq.course.budgets import FAST, FULL

REPOSITORY = Path(__file__).resolve().parents[2]


def code_hash(notebook):
    """notebook -> sha256 of its code cells: sources and tags, in order (trailing spaces do not count)."""
    digest = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = [line.rstrip() for line in cell.source.strip().splitlines()]
            digest.update("\n".join(lines).encode() + b"\0")
            digest.update(" ".join(sorted(cell.metadata.get("tags", []))).encode() + b"\0")
    return digest.hexdigest()


def reads(notebook, root=REPOSITORY):
    """notebook -> {"data/checkpoints/NAME.pt": sha256}: the shipped files that its code names.

    Every text in the code that is the name of a file in data/checkpoints or data/results counts: as it
    stands in `minivq.load("NAME")` (but not `datasets.load`), `announce("NAME", ...)`, or with its ending. (A prior's
    file holds the hashes of its first stages: where one of those changes, the prior's own file does.)
    """
    names = set()
    for tree in _trees(notebook):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and Path(node.value).suffix in (
                ".pt", ".json", ".npz"
            ):
                names.add(Path(node.value).name)
            if isinstance(node, ast.Call) and node.args and _reader(node.func):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    names.update((first.value + ".pt", first.value + ".json"))
    found = {}
    for folder in ("data/checkpoints", "data/results"):
        for path in sorted((root / folder).glob("*")):
            if path.name in names and path.name != "manifest.json":
                found[f"{folder}/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def modules(notebook, root=REPOSITORY):
    """notebook -> {"minivq/quantize.py": hash}: the minivq modules it imports, and what those import in turn.

    The hash is of the syntax tree without docstrings: comments, spaces and texts for readers do not count.
    The lesson's own exercises, not the other machinery of the course, are part of it.
    """
    waiting = {name for tree in _trees(notebook) for name in _imports(tree)}
    found = {}
    while waiting:
        path = _file(waiting.pop(), root)
        if path is None or _key(path, root) in found:
            continue
        if _key(path, root).startswith("minivq/course/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[_key(path, root)] = tree_hash(tree)
        waiting |= set(_imports(tree))
    lesson = notebook.metadata.get("minivq", {}).get("lesson")
    own = root / "minivq" / "course" / "lessons" / f"lesson_{lesson}.py"
    if own.exists():
        found[_key(own, root)] = tree_hash(ast.parse(own.read_text(encoding="utf-8")))
    return dict(sorted(found.items()))


def tree_hash(tree):
    """syntax tree -> 16 hex digits, the same whatever the docstrings say."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def sizes(notebook, budget):
    """notebook, "full" -> dict: the sizes and steps of its lesson in that budget, {} where it has none."""
    table = FAST if budget == "fast" else FULL
    found = table.get(notebook.metadata.get("minivq", {}).get("lesson"))
    # By way of JSON, as the file keeps it: a tuple comes back as a list.
    return {} if found is None else json.loads(json.dumps(dataclasses.asdict(found)))


def stamp(notebook, budget, device, root=REPOSITORY):
    """notebook, "full", "cpu" -> dict: everything that the notebook's outputs rest on."""
    import torch

    return {
        "code": code_hash(notebook),
        "reads": reads(notebook, root),
        "modules": modules(notebook, root),
        "budget": budget,
        "sizes": sizes(notebook, budget),
        "device": device,
        "torch": torch.__version__,
    }


_OTHERS = ("datasets", "torch", "np", "json")  # their load() reads no shipped file


def _trees(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            try:
                yield ast.parse(_without_magics(cell.source))
            except (SyntaxError, tokenize.TokenError):
                continue


def _without_magics(source):
    return "".join(line for line in io.StringIO(source) if not line.lstrip().startswith(("%", "!")))


def _reader(function):
    """Whether a call reads a shipped file: load, announce, result; not datasets.load and torch.load."""
    if isinstance(function, ast.Attribute):
        base = function.value.id if isinstance(function.value, ast.Name) else ""
        return function.attr in ("load", "result", "results") and base not in _OTHERS
    return isinstance(function, ast.Name) and function.id in ("load", "announce", "result", "results")


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "minivq")
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("minivq.") and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _file(name, root):
    path = root.joinpath(*name.split("."))
    if path.is_dir():
        path = path / "__init__"
    path = path.with_suffix(".py")
    return path if path.exists() else None


def _key(path, root):
    return path.relative_to(root).as_posix()
