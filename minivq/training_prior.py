"""Training a prior on sentences of codes: one loss, a pure step, the best of all validations kept. Floor 3."""
import copy
import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq import distributed, runs
from minivq.muon import Muon
from minivq.pixelcnn import PixelCNN, PixelCNNConfig
from minivq.sentences import Sentences, Windows
from minivq.training import TrainConfig, autocast, batch_indices, descend, learning_rate, median_seconds, mixed
from minivq.transformer import Transformer, TransformerConfig


@dataclass(frozen=True)
class PriorConfig(TrainConfig):
    """How a prior is trained. Raises ValueError for values that make no training."""

    batch: int = 32
    peak: float = 2e-3
    pkeep: float = 1.0               # share of the tokens it sees that are the right ones; the rest are random
    untold: float = 0.1              # share of the pictures whose condition is withheld, where there is one
    patience: int = 6                # validations without a better one after which the training ends

    def __post_init__(self):
        super().__post_init__()
        for name in ("pkeep", "untold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)}: wanted a share in [0, 1]")


def make_prior(config: TransformerConfig | PixelCNNConfig) -> Transformer | PixelCNN:
    """The prior of a configuration, with new weights."""
    return (Transformer if isinstance(config, TransformerConfig) else PixelCNN)(config)


def prior_loss(prior: nn.Module, tokens: Tensor, cond: Tensor | None, config: PriorConfig) -> Tensor:
    """tokens (B, T), cond (B, c) or None -> scalar: nats per token, each given those before it; targets are clean."""
    seen = tokens
    if config.pkeep < 1:
        K = distributed.unwrap(prior).config.K
        seen = torch.where(torch.rand(tokens.shape, device=tokens.device) < config.pkeep, tokens,
                           torch.randint_like(tokens, K))
    with autocast(tokens.device, config.bf16):
        logits = prior(seen[:, :-1], cond)
    return F.cross_entropy(logits.flatten(0, 1).to(torch.promote_types(logits.dtype, torch.float32)), tokens.flatten())


def optimizer_of(prior: nn.Module, config: PriorConfig) -> Muon:
    """Muon for all layers between two others, AdamW for tables, norms and the head.

    After 200 steps of 64 faces a batch cost a transformer 4.51 nats a token; with AdamW alone, minGPT's way, 4.96.
    """
    blocks = getattr(prior, "blocks", nn.Module())
    return Muon(prior, config.peak, dense=[m.weight for m in blocks.modules() if isinstance(m, nn.Linear)])


def withheld(cond: Tensor | None, config: PriorConfig, null: int | None) -> Tensor | None:
    """Conditions (B, c) -> the same, a share of them replaced by the id that says that nothing is told."""
    if cond is None or null is None:
        return cond
    return torch.where(torch.rand(len(cond), 1, device=cond.device) < config.untold, null, cond)


def prior_step(prior: nn.Module, optimizer: torch.optim.Optimizer, tokens: Tensor, cond: Tensor | None,
               config: PriorConfig, step: int) -> dict[str, float]:
    """One step down the loss of tokens (B, T); its log. Raises FloatingPointError for a loss of inf or nan."""
    loss = prior_loss(prior, tokens, withheld(cond, config, distributed.unwrap(prior).config.cond_null), config)
    descend(prior, optimizer, loss, config, step)
    return {"step": step, "lr": learning_rate(step, config), "nll": loss.item()}


@torch.no_grad()
def nll(prior: nn.Module, data: Sentences | Windows, count: int | None = None, batch: int = 128) -> float:
    """Nats per token over the first `count` sentences, told their conditions."""
    device, total = next(prior.parameters()).device, 0.0
    training, count = prior.training, min(count or len(data), len(data))
    prior.eval()
    for number, rows in enumerate(torch.arange(count).split(batch)):
        tokens, cond = data.batch(rows, number)
        with autocast(device, None):
            logits = prior(tokens[:, :-1].to(device), None if cond is None else cond.to(device))
        total += F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten().to(device), reduction="sum").item()
    prior.train(training)
    return total / (count * data.words)


def train_prior(prior_config: TransformerConfig | PixelCNNConfig, config: PriorConfig, train: Sentences | Windows,
                validation: Sentences | Windows, out: str | Path, about: dict,
                init: dict[str, Tensor] | None = None) -> nn.Module:
    """Train a prior in the folder `out`, or go on there; it comes back as it was at its best validation.

    about: what else must be the same when it goes on. init: weights that it begins with, see `weights_of`. Raises
    ValueError where `out` holds another run.
    """
    check_sentences(prior_config, train)
    device = distributed.device()
    about = {**about, "model": dataclasses.asdict(prior_config), "train": dataclasses.asdict(config)}
    torch.manual_seed(config.seed)
    prior = make_prior(prior_config)
    prior.load_state_dict(init or {}, strict=False)
    prior = prior.to(device)
    best, record = copy.deepcopy(prior), Record()
    optimizer = optimizer_of(prior, config)
    run = runs.Run(out, about, {"model": prior, "optimizer": optimizer, "best": best, "record": record}, config.steps,
                   config.save_every)
    wrapped, count = distributed.wrap(prior.train()), min(1000, len(validation))    # 0.01 nats too uncertain
    for step in run:
        torch.manual_seed(mixed(config.seed, step * distributed.world_size() + distributed.rank()))
        chosen = distributed.share(batch_indices(step, config.batch, len(train), config.seed))
        tokens, cond = (part if part is None else part.to(device) for part in train.batch(chosen, step))
        line = prior_step(wrapped, optimizer, tokens, cond, config, step)
        if (step + 1) % max(1, config.steps // 20) == 0 or step + 1 == config.steps:
            line |= {"minutes": run.minutes(), "val_nll": nll(prior, validation, count)}
            if record.better(line["val_nll"]):
                best.load_state_dict(prior.state_dict())
        run.log(line, f"{line['nll']:.3f} nats a token, best validation {record.least:.3f}")
        if record.since > config.patience:
            break
    return best.eval()


def weights_of(source: nn.Module, config: TransformerConfig | PixelCNNConfig) -> dict[str, Tensor]:
    """The weights of `source` that a prior of this configuration has, too, in the same shape.

    Raises ValueError where no weight fits.
    """
    wanted = make_prior(config).state_dict()
    found = {name: value for name, value in source.state_dict().items()
             if name in wanted and wanted[name].shape == value.shape}
    if not found:
        raise ValueError(f"no weight of {type(source).__name__} fits {config}: wanted a prior of "
                         "the same kind and width")
    return found


class Record:
    """The least validation loss so far, and how many validations ago that was; kept with the run."""

    def __init__(self):
        self.least, self.since = math.inf, 0

    def better(self, value: float) -> bool:
        """Note a validation; whether it is the best so far."""
        found = value < self.least
        self.least, self.since = (value, 0) if found else (self.least, self.since + 1)
        return found

    def state_dict(self) -> dict:
        return {"least": self.least, "since": self.since}

    def load_state_dict(self, state: dict) -> None:
        self.least, self.since = state["least"], state["since"]


def check_sentences(prior_config: TransformerConfig | PixelCNNConfig, data: Sentences | Windows) -> None:
    """Raise ValueError where sentences are not what a prior of this configuration can learn."""
    tokens, most = data.words, int(data.tokens.max())
    if tokens != prior_config.T or most >= prior_config.K:
        raise ValueError(f"pictures of {tokens} tokens with codes up to {most}: this prior wants T={prior_config.T} "
                         f"tokens of K={prior_config.K} codes")


def seconds_per_step(prior_config: TransformerConfig | PixelCNNConfig, config: PriorConfig,
                     train: Sentences | Windows) -> float:
    """Median time of a step, on a prior of its own."""
    prior = make_prior(prior_config).to(distributed.device()).train()
    timed = dataclasses.replace(config, peak=1e-6)
    optimizer = optimizer_of(prior, timed)

    def one(step: int) -> None:
        tokens, cond = train.batch(distributed.share(batch_indices(step, config.batch, len(train), config.seed)))
        device = distributed.device()
        prior_step(prior, optimizer, tokens.to(device), cond if cond is None else cond.to(device), timed, step=0)

    return median_seconds(one)
