"""Training a first stage: schedules as functions of the step, a pure step, one flat loop that can be resumed. Floor 3.

Everything random is a function of (seed, step), so a run that is killed and started again goes on as if it had never
stopped: weights, optimiser and step are its whole state.
"""
import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq import distributed, metrics, pretrained, runs
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.datasets import Pictures
from minivq.distributed import autocast, has_bf16  # noqa: F401 - lessons take both from here
from minivq.muon import Muon
from minivq.quantize import FSQ, kmeans


@dataclass(frozen=True)
class TrainConfig:
    """How a first stage is trained. Raises ValueError for values that make no training."""

    steps: int
    batch: int = 8                   # pictures a step, over all processes: small ones learn more from each picture
    peak: float = 1e-3               # highest learning rate
    warmup: float = 0.03             # share of the steps in which the rate rises to its peak; cosine to 0 after it
    unquantised: float = 0.15        # share of the steps before k-means gives the first codes
    l2: float = 4.0                  # weight of the squared error beside the absolute one
    labels: bool = False             # pictures are label maps, 1 at the label: cross-entropy instead of both errors
    seed: int = 0
    save_every: int = 200            # steps
    bf16: bool | None = None         # autocast; None: where the processor has it

    def __post_init__(self):
        for name in ("steps", "batch", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: wanted at least 1")
        if not 0 <= self.unquantised < 1 or not 0 <= self.warmup < 1:
            raise ValueError(f"unquantised={self.unquantised}, warmup={self.warmup}: wanted shares in [0, 1)")
        if self.peak <= 0:
            raise ValueError(f"peak={self.peak}: wanted a learning rate above 0")

    @property
    def first_codes(self) -> int:
        """The step at which k-means gives the first codes."""
        return round(self.steps * self.unquantised)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Step 0..steps-1 -> learning rate: linear warm-up to the peak, then a cosine to zero."""
    warmup = max(1, round(config.steps * config.warmup))
    if step < warmup:
        return config.peak * (step + 1) / warmup
    return config.peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, config.steps - warmup)))


def batch_indices(step: int, batch: int, count: int, seed: int) -> Tensor:
    """Step -> (batch,) int64: which of `count` pictures it sees. Each epoch is a new order of all, set by the seed."""
    places = torch.arange(step * batch, (step + 1) * batch)
    chosen = torch.empty(batch, dtype=torch.int64)
    for epoch in (places // count).unique().tolist():
        order = torch.randperm(count, generator=seeded(seed, epoch))
        inside = places // count == epoch
        chosen[inside] = order[places[inside] % count]
    return chosen


def batch_of(pictures: Pictures, config: TrainConfig, step: int) -> Tensor:
    """Step -> (B/world, C, H, W) in [-1, 1]: this process's pictures of it."""
    indices = distributed.share(batch_indices(step, config.batch, len(pictures), config.seed))
    crops = seeded(config.seed, step * distributed.world_size() + distributed.rank())
    return pictures.batch(indices, crops)


def mixed(seed: int, number: int) -> int:
    """A run's seed and a number -> a seed of its own, of 32 bits: torch's CPU generator reads no more of it.

    Those of run 0 are the numbers themselves. Two runs below 1,000 share none within a million numbers.
    """
    return (number + seed * 0x9E3779B1) % 2**32         # the golden ratio: multiples of it lie far apart


def seeded(seed: int, number: int) -> torch.Generator:
    """A generator for the number-th thing of a run."""
    return torch.Generator().manual_seed(mixed(seed, number))


def vqvae_loss(model: nn.Module, x: Tensor, config: TrainConfig, quantise: bool) -> tuple[Tensor, dict[str, float]]:
    """(B, C, H, W) in [-1, 1] -> scalar loss, log: |x - x̂| + l2 (x - x̂)² + the quantiser's own loss.

    Of label maps x̂ are logits, and their cross-entropy takes the place of both errors.
    """
    with autocast(x.device, config.bf16):
        out = model(x, quantise=quantise)
    if config.labels:
        logits, maps = out.x_rec.to(x.dtype), x.argmax(1)
        loss = F.cross_entropy(logits, maps)
        log = {"accuracy": (logits.argmax(1) == maps).float().mean().item()}
    else:
        error = out.x_rec.to(x.dtype) - x
        l1, mse = error.abs().mean(), error.square().mean()
        loss = l1 + config.l2 * mse
        log = {"l1": l1.item(), "psnr": -10 * math.log10(mse.item() / 4 + 1e-12)}   # peak of [-1, 1]: 2
    if out.quantized is not None:
        loss = loss + out.quantized.loss
        log |= {"quantizer": out.quantized.loss.item(), "codes": out.quantized.indices.unique().numel()}
    return loss, {"loss": loss.item(), **log}


def vqvae_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, config: TrainConfig,
               step: int) -> dict[str, float]:
    """One step of gradient descent on the pictures x; its log. Raises FloatingPointError for a loss of inf or nan."""
    loss, log = vqvae_loss(model, x, config, quantise=step >= config.first_codes)
    descend(model, optimizer, loss, config, step)
    return {"step": step, "lr": learning_rate(step, config), **log}


def descend(net: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, config: TrainConfig, step: int) -> None:
    """One step down the gradient of a scalar. Raises FloatingPointError where it is inf or nan, before any change."""
    if not loss.isfinite():
        raise FloatingPointError(f"the loss is {loss.item()} at step {step}: the last save is kept; "
                                 f"start again with a peak learning rate below {config.peak}")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, config)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()


@torch.no_grad()
def start_codebook(model: VQVAE, batches: Iterator[Tensor], config: TrainConfig) -> None:
    """Codes by k-means on the encodings of `batches`, each (B, C, H, W): the same on every process.

    The encodings are first brought to a spread of 1; the decoder's first layer takes the factor, so no picture changes.
    """
    points = []
    for x in batches:
        with autocast(x.device, config.bf16):
            z_e = model.to_latent(x)
        z_e = z_e.to(next(model.parameters()).dtype)
        points.append(distributed.gather_batch(z_e).permute(0, 2, 3, 1).reshape(-1, model.config.d))
    points = torch.cat(points)
    # Nothing has held the encodings yet: after 300 steps on landscapes their spread was 4.8. The commitment term,
    # which grows with its square, then outshouts the picture: of 505 codes in use 65 were left 200 steps later.
    spread = points.std()
    for parameter, factor in ((model.quant_conv.weight, 1 / spread), (model.quant_conv.bias, 1 / spread),
                              (model.post_quant_conv.weight, spread)):
        parameter.mul_(factor)
    if not isinstance(model.quantizer, FSQ):
        generator = torch.Generator().manual_seed(config.seed)
        model.quantizer.start(kmeans(points / spread, model.config.K, generator=generator))


def train_vqvae(model_config: VQVAEConfig, config: TrainConfig, train: Pictures, validation: Pictures, out: Path,
                init: str | None = None) -> VQVAE:
    """Train a first stage in the folder `out`, or go on with the training that stands there; the trained model.

    `out` holds state.pt (float32, everything to go on), log.jsonl (a line a step) and, at the end, model.pt
    (float16, for `minivq.load`). Raises ValueError where `out` holds another run, naming the fields that differ.
    """
    device = distributed.device()
    check_fit(model_config, train, config)
    about = {"model": dataclasses.asdict(model_config), "train": dataclasses.asdict(config), "data": describe(train),
             "init": init}
    torch.manual_seed(config.seed)
    model = pretrained.load(init, kind="vqvae") if init else VQVAE(model_config)
    model = model.to(device, memory_format=torch.channels_last)
    optimizer = Muon(model, config.peak)
    run = runs.Run(out, about, {"model": model, "optimizer": optimizer}, config.steps, config.save_every)
    wrapped = distributed.wrap(model.train())

    def batch(step: int) -> Tensor:
        return batch_of(train, config, step).to(device, memory_format=torch.channels_last)

    for step in run:
        if step == config.first_codes and init is None:
            points = config.batch * (train.size // model_config.factor) ** 2        # of one batch; wanted: 16 a code
            start_codebook(model, (batch(step + i) for i in range(max(2, math.ceil(16 * model_config.K / points)))),
                           config)
        torch.manual_seed(mixed(config.seed, step))                                 # for dropout
        line = vqvae_step(wrapped, optimizer, batch(step), config, step)
        if (step + 1) % max(1, config.steps // 20) == 0 or step + 1 == config.steps:
            line |= validate(model, validation, as_many(validation, 256), step >= config.first_codes, config.labels)
        right = f"{line['accuracy']:.1%} right" if config.labels else f"psnr {line['psnr']:.1f} dB"
        run.log(line, f"{right}, loss {line['loss']:.3f}")
    return model.eval()


def check_fit(model_config: VQVAEConfig, train: Pictures, config: TrainConfig) -> None:
    """Raise ValueError where pictures and model do not go together."""
    if train.size % model_config.factor:
        raise ValueError(f"size={train.size} is not a multiple of the factor f={model_config.factor}")
    if train.channels != model_config.channels:
        raise ValueError(f"{train.name} has {train.channels} channels, the model wants {model_config.channels}")
    if config.batch % distributed.world_size():
        raise ValueError(f"batch={config.batch} does not divide among {distributed.world_size()} processes")


def as_many(pictures: Pictures, at_64: int) -> int:
    """How many of the pictures have as many pixels as `at_64` pictures of 64 px: 1 or more, at most all."""
    return min(len(pictures), max(1, at_64 * 64**2 // pictures.size**2))


def describe(pictures: Pictures) -> dict:
    """What a run remembers of its pictures."""
    return {"name": pictures.name, "size": pictures.size, "count": len(pictures)}


@torch.no_grad()
def validate(model: VQVAE, pictures: Pictures, count: int, quantise: bool = True,
             labels: bool = False) -> dict[str, float]:
    """PSNR in dB over the first `count` pictures and the number of codes used; without codes while not quantising.

    Of label maps, the share of pixels with the right label in the place of PSNR.
    """
    parameter = next(model.parameters())
    model.eval()
    total, indices = 0.0, []
    for chunk in torch.arange(count).split(64):
        x = pictures.batch(chunk).to(parameter)
        out = model(x, quantise)
        score = (out.x_rec.argmax(1) == x.argmax(1)).float().mean() if labels else metrics.psnr(x, out.x_rec)
        total += score.item() * len(chunk)
        if quantise:
            indices.append(out.quantized.indices)
    model.train()
    name = "val_accuracy" if labels else "val_psnr"
    return {name: total / count} | ({"val_codes": torch.cat(indices).unique().numel()} if quantise else {})


def seconds_per_step(model_config: VQVAEConfig, config: TrainConfig, train: Pictures) -> float:
    """Median time of a quantised step, on a model of its own."""
    device = distributed.device()
    model = VQVAE(model_config).to(device, memory_format=torch.channels_last).train()
    optimizer, timed = Muon(model, 1e-5), dataclasses.replace(config, unquantised=0.0, peak=1e-5)
    return median_seconds(lambda step: vqvae_step(
        model, optimizer, batch_of(train, config, step).to(device, memory_format=torch.channels_last), timed, step=0))


def median_seconds(one: Callable[[int], object], steps: int = 20) -> float:
    """Median time of one(step) over `steps` steps, after five to warm up: a mean would believe one that waited."""
    seconds = []
    for step in range(steps + 5):
        started = time.perf_counter()
        one(step)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[5:])
