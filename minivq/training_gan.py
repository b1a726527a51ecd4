"""Training a VQGAN: a painter (the first stage), a critic, and who hears whom when (Esser et al. 2021). Floor 3.

One forward of the painter a step, and nothing of the critic before it is needed. The critic's opinion of the redrawn
pictures is asked once: the painter's gradient and the critic's own come from the same logits.
"""
import copy
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from minivq import distributed, losses, pretrained, runs, training
from minivq.autoencoder import VQVAE, Reconstruction
from minivq.datasets import Pictures
from minivq.discriminator import PatchDiscriminator
from minivq.muon import Muon

ASLEEP, WINNING = 0.05, 0.9     # of the difference of mean logits; of the hinge loss's way from 1 to 0


@dataclass(frozen=True)
class GANConfig(training.TrainConfig):
    """How a VQGAN is trained on from a first stage. Raises ValueError for values that make no training."""

    batch: int = 8
    peak: float = 7e-4
    unquantised: float = 0.0
    perceptual: float = 1.0          # weight of the perceptual distance: at a VQ-VAE, 5 times the pull of the pixels
    critic_peak: float = 2e-3        # highest learning rate of the critic
    critic: str = "hinge"            # its loss: hinge or vanilla
    gan_weight: float | None = None  # of the critic's voice; None: adaptive, `loudness` times λ
    loudness: float = 0.2            # at 0.8 the painter ran ahead of its critic, which then fell asleep
    critic_from: float = 0.5         # share of the steps after which the critic learns
    heard_from: float = 0.55         # and after which the painter hears it, at first softly,
    loud_from: float = 0.7           # at full volume from here on
    critic_width: int = 32           # channels of its first layer
    critic_layers: int = 2           # strided ones: a logit sees 34 px

    def __post_init__(self):
        super().__post_init__()
        if self.critic not in losses.CRITIC_LOSSES:
            raise ValueError(f"critic={self.critic!r}: wanted one of {', '.join(losses.CRITIC_LOSSES)}")
        if not 0 <= self.critic_from <= self.heard_from <= self.loud_from <= 1:
            raise ValueError(f"critic_from={self.critic_from}, heard_from={self.heard_from}, loud_from="
                             f"{self.loud_from}: wanted shares of the steps in [0, 1] in this order")

    def critic_learns(self, step: int) -> bool:
        """Whether the critic takes part in this step."""
        return step >= round(self.critic_from * self.steps)

    def volume(self, step: int) -> float:
        """Step -> [0, 1]: how much of the critic's voice the painter hears; rises linearly."""
        first, full = round(self.heard_from * self.steps), round(self.loud_from * self.steps)
        return float(step >= full) if step < first or step >= full else (step - first + 1) / (full - first + 1)


def painter_gradient(out: Reconstruction, fake: Tensor, x_rec: Tensor, rec_gradient: Tensor, weight: Tensor,
                     config: GANConfig) -> tuple[Tensor, Tensor]:
    """The critic's gradient at the redrawn pictures (B, C, H, W), times λ; and λ.

    x_rec is a leaf with the values of out.x_rec; fake its logits; rec_gradient (B, C, H, W) the reconstruction's
    gradient there; weight the decoder's last one. One product with the last layer turns both into gradients at it.
    """
    gan_gradient, = torch.autograd.grad(losses.generator(fake), x_rec, retain_graph=True)
    if config.gan_weight is not None:
        return config.gan_weight * gan_gradient, torch.tensor(config.gan_weight)
    at_weight = [torch.autograd.grad(out.x_rec, weight, gradient.to(out.x_rec.dtype), retain_graph=True)[0]
                 for gradient in (rec_gradient, gan_gradient)]
    strength = config.loudness * losses.adaptive_weight(*at_weight)
    return strength * gan_gradient, strength


def vqgan_step(model: nn.Module, critic: PatchDiscriminator, distance: Callable[[Tensor, Tensor], Tensor],
               optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer], x: Tensor, config: GANConfig,
               step: int) -> dict[str, float]:
    """One step of the painter (model, maybe wrapped for DDP) and of the critic on pictures x (B, C, H, W) in [-1, 1].

    distance(x_rec, x) -> (B,). Returns the log. Raises FloatingPointError for a loss of inf or nan.
    """
    for optimizer, peak in zip(optimizers, (config.peak, config.critic_peak), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate(step, dataclasses.replace(config, peak=peak))
    with training.autocast(x.device, config.bf16):
        out = model(x)
    x_rec = out.x_rec.detach().to(x.dtype).requires_grad_()          # a leaf: no loss below reaches past it
    error = x_rec - x
    l1, mse, features = error.abs().mean(), error.square().mean(), distance(x_rec, x).mean()
    rec = l1 + config.l2 * mse + config.perceptual * features
    gradient = rec_gradient = torch.autograd.grad(rec, x_rec)[0]
    log = {"step": step, "lr": optimizers[0].param_groups[0]["lr"], "l1": l1.item(), "perceptual": features.item(),
           "psnr": -10 * math.log10(mse.item() / 4 + 1e-12), "quantizer": out.quantized.loss.item(),
           "codes": out.quantized.indices.unique().numel(), "loss": rec.item()}
    if config.critic_learns(step):
        with training.autocast(x.device, config.bf16):
            real, fake = critic(x).to(x.dtype), critic(x_rec).to(x.dtype)
        volume = config.volume(step)
        if volume:
            weight = distributed.unwrap(model).last_weight
            voice, strength = painter_gradient(out, fake, x_rec, rec_gradient, weight, config)
            gradient = rec_gradient + volume * voice
            log |= {"weight": strength.item(), "volume": volume}
        critic_loss = losses.CRITIC_LOSSES[config.critic](real, fake)
        log |= {"critic": critic_loss.item(), "real": real.mean().item(), "fake": fake.mean().item(),
                "state": diagnosis(real.mean().item(), fake.mean().item())}
        if math.isfinite(log["critic"]):
            learn(critic, optimizers[1], torch.autograd.grad(critic_loss, list(critic.parameters())))
    if not math.isfinite(log["loss"] + log.get("critic", 0.0)):
        raise FloatingPointError(f"a loss is not finite at step {step}: the last save is kept; start again with a "
                                 f"peak below {config.peak} or a critic_peak below {config.critic_peak}")
    optimizers[0].zero_grad(set_to_none=True)
    torch.autograd.backward([out.x_rec, out.quantized.loss], [gradient.to(out.x_rec.dtype), None])
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizers[0].step()
    return log


def learn(critic: nn.Module, optimizer: torch.optim.Optimizer, gradients: tuple[Tensor, ...]) -> None:
    """One step of the critic; its gradients are averaged over all processes."""
    for parameter, gradient in zip(critic.parameters(), gradients, strict=True):
        parameter.grad = distributed.all_reduce(gradient) / distributed.world_size()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def diagnosis(real: float, fake: float) -> str:
    """Mean logits of real and redrawn pictures -> how the critic does, in plain words."""
    if real - fake < ASLEEP:
        return "asleep"                 # it cannot tell them apart: its gradient says nothing
    return "winning" if real > WINNING and fake < -WINNING else "healthy"


def train_vqgan(init: str, config: GANConfig, train: Pictures, validation: Pictures,
                distance: Callable[[Tensor, Tensor], Tensor], out: str | Path) -> VQVAE:
    """Train the first stage `init` on against a critic, in the folder `out`, or go on there; the trained model.

    Raises ValueError where `out` holds another run, FloatingPointError where the training fails (the last save is
    kept): a loss that is not finite, or reconstructions that fall more than 4 dB below those it began with.
    """
    device = distributed.device()
    model = pretrained.load(init, kind="vqvae")
    training.check_fit(model.config, train, config)
    about = {"model": dataclasses.asdict(model.config), "train": dataclasses.asdict(config),
             "data": training.describe(train), "init": init}
    torch.manual_seed(config.seed)
    critic = PatchDiscriminator(train.channels, config.critic_width, config.critic_layers)
    model, critic = (net.to(device, memory_format=torch.channels_last) for net in (model, critic))
    optimizers = players_optimizers(model, critic, config)
    count = training.as_many(validation, 256)
    at_start = training.validate(model, validation, count)["val_psnr"]
    run = runs.Run(out, about, {"model": model, "critic": critic, "optimizer": optimizers[0],
                                "critic_optimizer": optimizers[1]}, config.steps, config.save_every)
    wrapped = distributed.wrap(model.train())
    for step in run:
        torch.manual_seed(training.mixed(config.seed, step))                        # for dropout
        x = training.batch_of(train, config, step).to(device, memory_format=torch.channels_last)
        line = vqgan_step(wrapped, critic, distance, optimizers, x, config, step)
        if (step + 1) % max(1, config.steps // 20) == 0 or step + 1 == config.steps:
            line |= training.validate(model, validation, count)
            if line["val_psnr"] < at_start - 4:
                raise FloatingPointError(f"at step {step} val psnr is {line['val_psnr']:.1f} dB, at the start it was "
                                         f"{at_start:.1f}: the last save is kept; start again with a lower gan_weight "
                                         "or a later heard_from")
        run.log(line, f"psnr {line['psnr']:.1f} dB, critic {line.get('state', 'silent')}")
    return model.eval()


def players_optimizers(model: nn.Module, critic: nn.Module, config: GANConfig) -> tuple[Muon, Muon]:
    """Of the painter and of the critic, whose memory is short: what it should look for changes while it learns.

    With AdamW a critic of frozen pictures was as far after 500 steps as with Muon after 150.
    """
    return Muon(model, config.peak), Muon(critic, config.critic_peak, (0.5, 0.9), momentum=0.5)


def seconds_per_step(start: VQVAE, config: GANConfig, train: Pictures,
                     distance: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Mean time of a step, on copies: of those without the critic and of those with it, by their shares."""
    device = distributed.device()
    model = copy.deepcopy(start).to(device, memory_format=torch.channels_last).train()
    critic = PatchDiscriminator(train.channels, config.critic_width, config.critic_layers)
    critic = critic.to(device, memory_format=torch.channels_last)
    gentle = dataclasses.replace(config, peak=1e-6, critic_peak=1e-6)
    optimizers = players_optimizers(model, critic, gentle)
    without, with_critic = (dataclasses.replace(gentle, critic_from=share, heard_from=share, loud_from=share)
                            for share in (1.0, 0.0))
    seconds = [training.median_seconds(lambda step, recipe=recipe: vqgan_step(
        model, critic, distance, optimizers,
        training.batch_of(train, config, step).to(device, memory_format=torch.channels_last), recipe, step=0))
        for recipe in (without, with_critic)]
    return config.critic_from * seconds[0] + (1 - config.critic_from) * seconds[1]
