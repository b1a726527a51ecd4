"""python -m minivq bench: our way beside the plain way, in one run on one machine. Floor 4."""
import argparse
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from minivq import bench_sampling, bench_sliding, losses, training_gan
from minivq.autoencoder import VQVAE, VQVAEConfig, reconstruct
from minivq.bench_sampling import in_turn, peak_memory
from minivq.commands import STYLE, machine, write_json
from minivq.discriminator import PatchDiscriminator
from minivq.layers import count_parameters
from minivq.perceptual import MiniConfig, MiniFeatures, Perceptual, feature_distance
from minivq.quantize import nearest
from minivq.training_gan import GANConfig
from minivq.transformer import Transformer, TransformerConfig

KINDS = ("train", "quantize", "sample", "sliding", "decode")
SHAPE = VQVAEConfig(widths=(32, 64, 64, 128), decoder_blocks=1)     # of the models that `bench train` compares
# The authors' f16 model, of which 72,141,699 parameters are known.
RELEASED = VQVAEConfig(widths=(128, 128, 256, 256, 512), blocks=2, attention_levels=(4,), z_channels=256, d=256, K=1024,
                       groups=32, quantizer="vq")


def add_parser(commands) -> None:
    """Add `bench` with its kinds."""
    top = commands.add_parser("bench", help="our way beside the plain way; without a kind: all of them", **STYLE)
    top.add_argument("--json", type=Path, default=None, metavar="FILE", help="write all results here")
    top.set_defaults(run=bench_all)
    kinds = top.add_subparsers(metavar="train | quantize | sample | sliding | decode | released")
    bench_sliding.add_parsers(kinds, add_timing)
    one = kinds.add_parser("train", help="a step of VQGAN training, before the critic starts and with it", **STYLE)
    one.add_argument("--batch", type=int, default=16, help="pictures a step")
    one.add_argument("--size", type=int, default=64, help="px")
    add_timing(one, rounds=7)
    one.set_defaults(run=bench_train)

    one = kinds.add_parser("quantize", help="the nearest code of many vectors", **STYLE)
    one.add_argument("--codes", type=int, default=512, help="K")
    add_timing(one, rounds=5)
    one.set_defaults(run=bench_quantize)

    one = kinds.add_parser("sample", help="tokens with a cache, with a copied one, with none", **STYLE)
    one.add_argument("--batch", type=int, default=16, help="pictures at once")
    one.add_argument("--tokens", type=int, default=256, help="of a picture")
    add_timing(one, rounds=3)
    one.set_defaults(run=bench_sample)

    one = kinds.add_parser("released", help="what one picture costs a model of the authors' size (f = 16)", **STYLE)
    one.add_argument("--size", type=int, default=256, help="px")
    one.add_argument("--rounds", type=int, default=3, help="how often it is timed; the median counts")
    one.set_defaults(run=bench_released)


def bench_all(args: argparse.Namespace) -> int:
    """Run every kind with its defaults, each in a process of its own, or the memory of one would count for the next."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = Path(folder) / f"{kind}.json"
            subprocess.run([sys.executable, "-m", "minivq", "bench", kind, "--json", str(path)], check=True)
            found |= json.loads(path.read_text())
    if args.json:
        write_json(args.json, found)
    return 0


def bench_quantize(args: argparse.Namespace) -> int:
    """Print seconds of finding the nearest of K codes, by one product of matrices and by all differences."""
    torch.manual_seed(0)
    z_e, codebook = torch.randn(64, 16, 16, 16), torch.randn(args.codes, 16)
    vectors = z_e.movedim(1, -1).reshape(-1, 16)
    found = in_turn({"ours": lambda: nearest(z_e, codebook),
                     "plain": lambda: (vectors[:, None] - codebook).square().sum(-1).argmin(1)}, args.rounds)
    print(f"{len(vectors):,} vectors, {args.codes} codes, {machine()}")
    print(f"plain {1e3 * found['plain']:.1f} ms, ours {1e3 * found['ours']:.1f} ms, "
          f"{found['plain'] / found['ours']:.1f} times as fast")
    if args.json:
        write_json(args.json, {"quantize": found, "codes": args.codes, "vectors": len(vectors)})
    return 0


def add_timing(command: argparse.ArgumentParser, rounds: int) -> None:
    """The options of what is timed side by side."""
    command.add_argument("--rounds", type=int, default=rounds, help="times each is timed, in turn; the median counts")
    command.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result here, too")


def bench_released(args: argparse.Namespace) -> int:
    """Print seconds and memory of encoding and decoding one picture, with random weights."""
    torch.manual_seed(0)
    model = VQVAE(RELEASED).eval()
    x = torch.rand(1, 3, args.size, args.size) * 2 - 1
    seconds = in_turn({"ours": lambda: reconstruct(model, x)}, args.rounds)["ours"]
    memory = peak_memory() / 1e9
    print(f"{count_parameters(model):,} parameters, {args.size} px: {seconds:.1f} s a picture, {memory:.1f} GB in all; "
          f"{machine()}")
    return 0


def bench_train(args: argparse.Namespace) -> int:
    """Print seconds a step of both ways, and their ratio."""
    result = train_steps(args.batch, args.size, args.rounds)
    print(f"{args.size} px, batch {args.batch}, {machine()}")
    print(f"{'':<22}{'plain':>9}{'ours':>9}{'ratio':>8}")
    for name, row in result.items():
        print(f"{name:<22}{row['plain']:>7.2f} s{row['ours']:>7.2f} s{row['plain'] / row['ours']:>8.2f}")
    if args.json:
        write_json(args.json, {"train": result, "batch": args.batch, "size": args.size})
    return 0


def bench_sample(args: argparse.Namespace) -> int:
    """Print seconds of drawing tokens in three ways, their ratios, and what a token costs at growing length."""
    torch.manual_seed(0)
    prior = Transformer(TransformerConfig(K=1024, T=args.tokens, layers=6, heads=8, width=256)).eval()
    u = torch.rand(args.batch, args.tokens)
    sides = {"cached": bench_sampling.cached, "concatenated": bench_sampling.concatenated,
             "recomputed": bench_sampling.recomputed}
    found = in_turn({name: lambda way=way: way(prior, u) for name, way in sides.items()}, args.rounds, warm_up=0)
    print(f"{args.tokens} tokens, batch {args.batch}, {count_parameters(prior):,} parameters, {machine()}")
    for name, seconds in found.items():
        print(f"{name:<14}{seconds:>8.2f} s{u.numel() / seconds:>10.0f} tokens per second"
              f"{seconds / found['cached']:>8.2f} times as long as cached")
    lengths = {}
    for tokens in (length for length in (args.tokens // 4, args.tokens // 2, args.tokens) if length):
        ways = {name: lambda way=sides[name], tokens=tokens: way(prior, u[:, :tokens])
                for name in ("cached", "concatenated")}
        lengths[tokens] = {name: 1e3 * seconds / tokens for name, seconds in
                           in_turn(ways, args.rounds, warm_up=0).items()}
        print(f"{tokens:>5} tokens: {lengths[tokens]['cached']:.2f} ms a token cached, "
              f"{lengths[tokens]['concatenated']:.2f} ms concatenated")
    if args.json:
        write_json(args.json, {"sample": found, "milliseconds": lengths, "batch": args.batch, "tokens": args.tokens})
    return 0


def train_steps(batch: int, size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of a VQGAN step, plain and ours, the same nets on both sides, before and with the critic."""
    torch.manual_seed(0)
    distance = small_distance()
    x = torch.rand(batch, 3, size, size) * 2 - 1
    start, found = VQVAE(SHAPE), {}
    for name, heard in (("before the critic", False), ("with the critic", True)):
        ours = GANConfig(steps=10, batch=batch, critic_from=1.0 - heard, heard_from=1.0 - heard, loud_from=1.0 - heard)
        sides = {}
        for side in ("plain", "ours"):
            model, critic = copy.deepcopy(start).train(), PatchDiscriminator()
            optimizers = [torch.optim.AdamW(net.parameters(), 1e-5, (0.5, 0.9)) for net in (model, critic)]
            sides[side] = (step_of(model, critic, distance, optimizers, ours, x) if side == "ours" else
                           lambda a=(model, critic, distance, optimizers), on=heard: plain_step(*a, x, float(on)))
        found[name] = in_turn(sides, rounds)
    return found


def small_distance() -> Perceptual:
    """A perceptual distance of the shipped net's size, with random weights: the time is the same."""
    return Perceptual(MiniFeatures(MiniConfig()), lambda net, x, y: feature_distance(net(x), net(y)))


def step_of(model: nn.Module, critic: nn.Module, distance, optimizers, config: GANConfig, x: Tensor) -> Callable:
    """Our step as the training calls it, in the layout that it chooses."""
    for net in (model, critic):
        net.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    return lambda: training_gan.vqgan_step(model, critic, distance, optimizers, x, config, step=0)


def plain_step(model: VQVAE, critic: nn.Module, distance: Callable[[Tensor, Tensor], Tensor],
               optimizers: list[torch.optim.Optimizer], x: Tensor, on: float) -> None:
    """The step as it is published: float32, the autoencoder once for each of two losses, all of them always computed.

    on: 0 before the critic starts, its loss and λ are multiplied away; 1 with it.
    """
    out = model(x)
    rec = (x - out.x_rec).abs().mean() + distance(x, out.x_rec).mean()
    gan = losses.generator(critic(out.x_rec))
    gradients = [torch.autograd.grad(loss, model.last_weight, retain_graph=True)[0] for loss in (rec, gan)]
    strength = 0.8 * losses.adaptive_weight(*gradients)
    optimizers[0].zero_grad()
    (rec + on * strength * gan + out.quantized.loss).backward()
    optimizers[0].step()
    out = model(x)
    critic_loss = on * losses.hinge_d(critic(x.detach()), critic(out.x_rec.detach()))
    optimizers[1].zero_grad()
    critic_loss.backward()
    optimizers[1].step()
