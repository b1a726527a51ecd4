"""Models by name, and the authors' released weights. Floor 3."""
import dataclasses
import pickle
import re
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from minivq import checkpoint
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.conditioning import Conditions
from minivq.pixelcnn import PixelCNN, PixelCNNConfig
from minivq.transformer import Transformer, TransformerConfig
from minivq.twostage import TwoStage
from minivq.windows import Window

# Objects that released files carry beside the weights; nothing of them is needed.
FRAMEWORK = ("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
             "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
             "pytorch_lightning.utilities.parsing.AttributeDict",
             "omegaconf.dictconfig.DictConfig", "omegaconf.listconfig.ListConfig")


def available(kind: str = "vqvae") -> list[str]:
    """The names of the shipped models of one kind."""
    return sorted(name for name, about in checkpoint.manifest(checkpoint.FOLDER).items() if about["kind"] == kind)


def load(name: str | Path, device: torch.device | str = "cpu", kind: str | None = None) -> VQVAE | TwoStage:
    """A shipped model by its name, or one from a file (.pt) or a run's folder: in eval mode, float32.

    A first stage ("vqvae") comes as VQVAE, a "prior" as TwoStage, with the first stage that it names; kind: only one of
    them will do. Its `info` says what it was trained on. Raises ValueError for an unknown name (the known ones are
    listed), for a file that does not hold such a model, and for a first stage that is not the one that the prior was
    trained with; see `checkpoint.read` for damage.
    """
    path = find(name, kind)
    payload = checkpoint.read(path)
    wanted = tuple(MAKERS) if kind is None else (kind,)
    if payload.get("kind") not in wanted:
        more = {("vqvae", "prior"): ", which `train prior --first-stage` makes of this first stage",
                ("prior", "vqvae"): ", the first stage with which this prior was trained"}
        raise ValueError(f"{path} has kind={payload.get('kind')!r}: wanted {' or '.join(map(repr, wanted))}"
                         f"{more.get((payload.get('kind'), kind), '')}")
    try:
        return MAKERS[payload["kind"]](payload, device)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} is no model of this version: {error}") from error


def find(name: str | Path, kind: str | None = None) -> Path:
    """The file of a model (of a kind): a shipped one by name, a file as it is, model.pt of a run's folder.

    Raises ValueError where there is none.
    """
    path = Path(name)
    if path.is_dir():
        path = path / "model.pt"
        if not path.is_file():
            raise ValueError(f"{name} holds no model.pt: wanted the folder of a finished training")
    elif path.suffix != ".pt":
        path = checkpoint.FOLDER / f"{name}.pt"
        if not path.is_file():
            known = [shipped for part in ([kind] if kind else MAKERS) for shipped in available(part)]
            raise ValueError(f"no model is called {str(name)!r}: wanted one of {', '.join(known) or '(none)'}, "
                             "a .pt file or the folder of a training")
    return path


def first_stage(payload: dict, device: torch.device | str) -> VQVAE:
    """What a file holds -> the VQVAE."""
    model = VQVAE(VQVAEConfig(**tupled(payload["config"])))
    model.load_state_dict(floats(payload["model"]))
    model.info = payload.get("info", {})
    return model.eval().to(device)


def two_stages(payload: dict, device: torch.device | str) -> TwoStage:
    """What the file of a prior holds -> the prior with its first stage, and that of its label maps if it has one."""
    recipe = TransformerConfig if payload["prior"] == "transformer" else PixelCNNConfig
    prior = (Transformer if payload["prior"] == "transformer" else PixelCNN)(recipe(**tupled(payload["config"])))
    prior.load_state_dict(floats(payload["model"]))
    stages = {}
    for part in ("first_stage", "maps"):
        if payload[part]:
            path = find(payload[part])
            if checkpoint.sha256(path) != payload[f"{part}_sha256"]:
                raise ValueError(f"{path} is not the first stage of this prior: its codes mean something else by now")
            stages[part] = load(path, device, "vqvae")
    conditions = Conditions(stages["first_stage"], stages["maps"], payload["palette"]) if payload["maps"] else None
    window = payload.get("window") and Window(**tupled(payload["window"]))
    return TwoStage(stages["first_stage"], prior.eval().to(device), payload["grid"], payload["classes"],
                    payload.get("info", {}), conditions, window)


MAKERS = {"vqvae": first_stage, "prior": two_stages}


def tupled(config: dict) -> dict:
    """A configuration as it was before it was written: lists were tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}


def floats(state: dict) -> dict:
    """A state in float16 -> float32; integers as they are."""
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def export(model: VQVAE, path: str | Path, info: dict) -> Path:
    """Write `model` as `load` reads it: float16, with its configuration and `info` (plain values)."""
    state = checkpoint.half(model)
    if "quantizer.sums" in state:                   # a quotient of two rounded numbers would be rounded twice
        state["quantizer.sums"] = model.quantizer.codebook.half().cpu()
        state["quantizer.counts"] = torch.ones(model.config.K, dtype=torch.float16)
    return checkpoint.write(path, {"kind": "vqvae", "config": dataclasses.asdict(model.config), "model": state,
                                   "info": info})


def export_prior(model: TwoStage, path: str | Path, stage: str | Path, maps: str | Path | None = None) -> Path:
    """Write a prior as `load` reads it: float16, with names or files of its first stages and their sha256."""
    payload = {"kind": "prior", "prior": "transformer" if isinstance(model.prior, Transformer) else "pixelcnn",
               "config": dataclasses.asdict(model.prior.config), "model": checkpoint.half(model.prior),
               "grid": list(model.grid), "classes": list(model.classes), "info": model.info,
               "palette": model.conditions.colours if model.conditions else [],
               "window": dataclasses.asdict(model.window) if model.window else None}
    for part, name in (("first_stage", stage), ("maps", maps)):
        payload[part] = name and (str(name) if str(name) in available() else str(find(name).resolve()))
        payload[f"{part}_sha256"] = name and checkpoint.sha256(find(name))
    return checkpoint.write(path, payload)


class Forgotten:
    """Stands in for an object of the authors' training framework: it keeps what it is given and does nothing."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass


def read_released(path: str | Path) -> dict[str, Tensor]:
    """A released file (.ckpt, .pt) -> its state dict, the weights alone; no code in it is run (weights_only).

    Raises FileNotFoundError for a missing file, ValueError for one that is damaged, holds objects that are not known,
    or holds no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: wanted a released checkpoint (.ckpt or .pt)")
    known = [(Forgotten, name) for name in FRAMEWORK]
    try:
        with torch.serialization.safe_globals(known):
            payload = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        raise ValueError(f"{path} is refused: it holds {found[1] if found else 'Python objects'}, and reading that "
                         "could run code: wanted tensors, plain values and the known objects "
                         f"{', '.join(FRAMEWORK)}") from error
    except (RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    state = payload.get("state_dict", payload) if isinstance(payload, dict) else payload
    state = {key: value for key, value in state.items() if isinstance(value, Tensor)} if isinstance(state, dict) else {}
    if not state:
        raise ValueError(f"{path} holds no weights: wanted a dict of tensors, or one under 'state_dict'")
    return state


def from_reference(state: dict[str, Tensor]) -> VQVAE:
    """The authors' state dict of a first stage -> the same model here, in eval mode, float32.

    The configuration is inferred from keys and shapes (groups: 32, as all their models have). Discriminator and loss
    weights (`loss.…`) are left out. Raises ValueError naming missing and unexpected keys.
    """
    state = {key: value.float() for key, value in state.items() if not key.startswith("loss.")}
    needed = ("encoder.conv_in.weight", "encoder.conv_out.weight", "quantize.embedding.weight", "quant_conv.weight")
    missing = [key for key in needed if key not in state]
    if missing:
        raise ValueError(f"the state dict is no first stage of the authors: missing {', '.join(missing)}")
    numbers = [tuple(map(int, match.groups())) for key in state
               if (match := re.match(r"encoder\.down\.(\d+)\.block\.(\d+)\.norm1\.weight", key))]
    depth = 1 + max((level for level, _ in numbers), default=-1)
    K, d = state["quantize.embedding.weight"].shape
    try:
        config = VQVAEConfig(
            channels=state["encoder.conv_in.weight"].shape[1],
            widths=tuple(state[f"encoder.down.{i}.block.0.conv2.weight"].shape[0] for i in range(depth)),
            blocks=1 + max(block for _, block in numbers),
            attention_levels=tuple(i for i in range(depth) if f"encoder.down.{i}.attn.0.q.weight" in state),
            z_channels=state["encoder.conv_out.weight"].shape[0], d=d, K=K, groups=32, quantizer="vq")
    except KeyError as error:
        raise ValueError(f"the state dict is no first stage of the authors: missing {error.args[0]}") from error
    model = VQVAE(config)
    renamed = {rename(key, depth): value for key, value in state.items()}
    wanted = model.state_dict()
    missing = sorted(wanted.keys() - renamed.keys())
    unexpected = sorted(key for key in state if rename(key, depth) not in wanted)
    if missing or unexpected:
        raise ValueError(f"the state dict does not fit: missing (by our names) {missing or 'nothing'}, "
                         f"unexpected {unexpected or 'nothing'}")
    wrong = [f"{key} {tuple(renamed[key].shape)}, wanted {tuple(wanted[key].shape)}"
             for key in wanted if renamed[key].shape != wanted[key].shape]
    if wrong:
        raise ValueError(f"the state dict does not fit: {'; '.join(wrong)}")
    model.load_state_dict(renamed)
    return model.eval()


def rename(key: str, depth: int) -> str:
    """One of the authors' keys -> ours, for a model of `depth` levels; their decoder counts from the fine end."""
    key = key.replace("quantize.embedding.weight", "quantizer.codebook")
    for theirs, ours in (("mid.block_1", "middle.0"), ("mid.attn_1", "middle.1"), ("mid.block_2", "middle.2"),
                         ("nin_shortcut", "shortcut"), ("proj_out", "out")):
        key = key.replace(f".{theirs}.", f".{ours}.")
    key = re.sub(r"down\.(\d+)\.downsample", r"downsamples.\1", key)
    key = re.sub(r"down\.(\d+)\.block", r"levels.\1.blocks", key)
    key = re.sub(r"down\.(\d+)\.attn", r"levels.\1.attentions", key)
    for theirs, ours in (("upsample", "upsamples.{}"), ("block", "levels.{}.blocks"), ("attn", "levels.{}.attentions")):
        key = re.sub(rf"up\.(\d+)\.{theirs}", lambda m, ours=ours: ours.format(depth - 1 - int(m[1])), key)
    return key


def prior_from_reference(state: dict[str, Tensor], T: int, heads: int, cond_length: int = 1) -> Transformer:
    """The authors' state dict of a transformer -> the same prior here, in eval mode, float32.

    Theirs has one table for conditions and codes, and one for the positions of both: here each becomes two, the first
    `cond_length` positions are the condition's, and id 0, with which they begin, becomes the start vector. Keys may
    stand under "transformer.", other parts of their file are left out. T and heads stand nowhere in the file. Raises
    ValueError naming missing and unexpected keys, and for lengths that the file has no positions for.
    """
    if any(key.startswith("transformer.") for key in state):
        state = {key.removeprefix("transformer."): value for key, value in state.items()
                 if key.startswith("transformer.")}
    state = {key: value.float() for key, value in state.items() if not key.endswith("attn.mask")}
    missing = [key for key in ("tok_emb.weight", "pos_emb", "head.weight", "blocks.0.attn.key.weight")
               if key not in state]
    if missing:
        raise ValueError(f"the state dict is no transformer of the authors: missing {', '.join(missing)}")
    table, places = state.pop("tok_emb.weight"), state.pop("pos_emb")[0]
    if len(places) < cond_length + T - 1:
        raise ValueError(f"cond_length={cond_length}, T={T}: the file has {len(places)} positions")
    places = torch.nn.functional.pad(places, (0, 0, 0, max(0, cond_length + T - len(places))))
    layers = 1 + max(int(match[1]) for key in state if (match := re.match(r"blocks\.(\d+)\.", key)))
    prior = Transformer(TransformerConfig(len(state["head.weight"]), T, layers, heads, table.shape[1],
                                          cond_values=len(table), cond_length=cond_length))
    renamed = {"codes.weight": table[:prior.config.K], "conditions.weight": table, "start": table[:1] + places[:1],
               "cond_positions": places[:cond_length], "positions": places[cond_length:cond_length + T]}
    for i in range(layers):
        for part in ("weight", "bias"):
            names = [f"blocks.{i}.attn.{name}.{part}" for name in ("query", "key", "value")]
            if all(name in state for name in names):
                renamed[f"blocks.{i}.qkv.{part}"] = torch.cat([state.pop(name) for name in names])
    for key, value in state.items():
        for theirs, ours in ((".ln1.", ".norm1."), (".ln2.", ".norm2."), (".attn.proj.", ".out."), ("ln_f.", "norm.")):
            key = key.replace(theirs, ours)
        renamed[key] = value
    wanted = prior.state_dict().keys()
    if wanted != renamed.keys():
        missing, unexpected = sorted(wanted - renamed.keys()), sorted(renamed.keys() - wanted)
        raise ValueError(f"the state dict does not fit: missing (by our names) {missing}, unexpected {unexpected}")
    prior.load_state_dict(renamed)
    return prior.eval()
