"""python -m minivq bench sliding | decode: large pictures, our way beside the plain way. Floor 4."""
import argparse

import torch
from torch import Tensor

from minivq import pretrained
from minivq.bench_sampling import in_turn, peak_memory
from minivq.commands import STYLE, machine, write_json
from minivq.layers import count_parameters
from minivq.sampling import Painting, SampleConfig, draw, paint
from minivq.transformer import Transformer, TransformerConfig
from minivq.windows import corner, schedule


def add_parsers(kinds, add_timing) -> None:
    """Add `bench sliding` and `bench decode`."""
    one = kinds.add_parser("sliding", help="a large picture by the sliding window, against the plain loop", **STYLE)
    one.add_argument("--side", type=int, default=64, help="tokens a side of the picture")
    one.add_argument("--window", type=int, default=16, help="tokens a side that the network sees")
    one.add_argument("--best", type=int, default=4, help="pictures at once where ours may do its best, in bf16")
    add_timing(one, rounds=1)
    one.set_defaults(run=bench_sliding)

    one = kinds.add_parser("decode", help="a large map of codes to a picture: seconds and memory", **STYLE)
    one.add_argument("--size", type=int, default=2048, help="px a side")
    add_timing(one, rounds=1)
    one.set_defaults(run=bench_decode)


@torch.no_grad()
def plain(prior: Transformer, u: Tensor, n: int, maps: Tensor | None = None) -> Tensor:
    """u (B, h, w) -> tokens (B, h, w): one after the other, its whole n x n window through the network each time."""
    _, h, w = u.shape
    tokens = torch.zeros(u.shape, dtype=torch.int64)
    for i in range(h):
        for j in range(w):
            top, left = corner(i, h, n), corner(j, w, n)
            inside = (slice(None), slice(top, top + n), slice(left, left + n))
            logits = prior(tokens[inside].flatten(1)[:, :-1], None if maps is None else maps[inside].flatten(1))
            tokens[:, i, j] = draw(logits[:, (i - top) * n + j - left], u[:, i, j])
    return tokens


def ours(prior: Transformer, u: Tensor, n: int, maps: Tensor | None = None, bf16: bool | None = False) -> Tensor:
    """The same by `sampling.paint`."""
    painting = Painting(torch.full(u.shape, -1), u)
    for _ in paint(prior, painting, n, maps, SampleConfig(bf16=bf16)):
        pass
    return painting.tokens


def places(side: int, n: int, prefix: int) -> tuple[int, int]:
    """How many places go through the network, in the plain loop and in ours, with prefixes of so many ids."""
    mine = sum(prefix + (one.row - one.corner[0]) * n + one.last - one.corner[1]
               for one in schedule((side, side), n))
    return side * side * (prefix + n * n - 1), mine


def bench_sliding(args: argparse.Namespace) -> int:
    """Print seconds of both ways, without a map, with one in front and in place; ours at its best; growth with size."""
    n, side, found = args.window, args.side, {}
    print(f"{side}x{side} tokens, window {n}, {machine()}")
    map_ = {"cond_values": 512, "cond_length": n * n}
    for name, told in {"without a map": {}, "with a map in front": map_,
                       "with a map in place": {**map_, "in_place": True}}.items():
        torch.manual_seed(0)
        prior = Transformer(TransformerConfig(K=1024, T=n * n, layers=6, heads=8, width=256, **told)).eval()
        u = torch.rand(1, side, side)
        maps = torch.randint(512, (args.best, side, side)) if told else None
        one, many = (None, None) if maps is None else (maps[:1], maps)
        seconds = in_turn({"plain": lambda p=prior, u=u, m=one: plain(p, u, n, m),
                           "ours": lambda p=prior, u=u, m=one: ours(p, u, n, m)}, args.rounds, warm_up=0)
        u_many = torch.rand(args.best, side, side)
        best = in_turn({"best": lambda p=prior, u=u_many, m=many: ours(p, u, n, m, None)}, args.rounds, 0)["best"]
        both = places(side, n, n * n if name == "with a map in front" else 1)
        found[name] = {**seconds, "best_a_picture": best / args.best, "places_plain": both[0], "places_ours": both[1]}
        print(f"{name}, {count_parameters(prior):,} parameters: plain {seconds['plain']:.1f} s, ours "
              f"{seconds['ours']:.1f} s: {seconds['plain'] / seconds['ours']:.2f} times as fast; arithmetic "
              f"{both[0] / both[1]:.2f} times less; at its best (bf16 where the processor has it, {args.best} at once) "
              f"{seconds['plain'] * args.best / best:.2f} times")
    growth = {}
    for larger in (side, 2 * side):
        u = torch.rand(1, larger, larger)
        maps = torch.randint(512, u.shape)
        spent = in_turn({"ours": lambda u=u, m=maps: ours(prior, u, n, m, None)}, 1, 0)["ours"]
        growth[larger] = 1e3 * spent / larger**2
        print(f"{larger}x{larger} tokens with a map in place, at its best: {growth[larger]:.2f} ms a token, "
              f"peak memory {peak_memory() / 1e9:.2f} GB")
    if args.json:
        write_json(args.json, {"sliding": found, "milliseconds_a_token": growth, "side": side, "window": n})
    return 0


@torch.no_grad()
def bench_decode(args: argparse.Namespace) -> int:
    """Print seconds and memory of decoding one large picture by `landscapes-large`, of random codes."""
    torch.manual_seed(0)
    model = pretrained.load("landscapes-large")
    side = args.size // model.config.factor
    tokens = torch.randint(model.config.K, (1, side, side))
    before = peak_memory()
    seconds = in_turn({"decode": lambda: model.decode(tokens)}, args.rounds, 0)["decode"]
    print(f"{args.size}x{args.size} px: {seconds:.1f} s, peak memory {peak_memory() / 1e9:.2f} GB, "
          f"{before / 1e9:.2f} GB before it; {machine()}")
    if args.json:
        write_json(args.json, {"decode": {"seconds": seconds, "peak_bytes": peak_memory(), "size": args.size}})
    return 0
