"""Exercises of lesson 11, sampling: odds and tokens, one step with a cache, a top-p that keeps nothing, copies."""

from functools import partial
from types import SimpleNamespace

import torch

from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.course.lessons.misread_11 import SHARES, like, misread, misread_top_p, row_of, said_of
from minivq.evaluation_samples import neighbours
from minivq.sampling import SampleConfig, draw, probabilities
from minivq.transformer import Cache, Transformer, TransformerConfig


def block_step(block, x, cache, layer):
    """One new place (B, 1, width) -> (B, 1, width): the package's block, which writes into the lesson's cache."""
    return block(x, SimpleNamespace(add=partial(Cache.add, cache)), layer)


def nucleus(logits, p):
    """(B, K), p -> (B, K): logits of the likeliest codes that together reach p, -inf elsewhere."""
    return probabilities(logits, SampleConfig(top_k=None, top_p=p)).log()


def too_near(samples, validation, known, share=0.1):
    """Features (N, F), (M, F), (L, F) -> float: samples nearer to a known face than all but `share` of validation."""
    return _below(neighbours(samples, known)[0], neighbours(validation, known)[0], share)


def _below(near, base, share):
    return (near < base.quantile(share)).double().mean().item()


SETTINGS = ({}, {"temperature": 0.5}, {"temperature": 2.0}, {"temperature": 0.0}, {"top_k": 2}, {"top_k": 99},
            {"top_p": 0.6}, {"top_k": 3, "top_p": 0.7}, {"temperature": 0.7, "top_k": 4, "top_p": 0.7})


def check_painter(pair):
    """(probabilities, draw): odds of given logits in every setting, and the codes that given numbers fall on."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(callable(part) for part in pair)):
        return "wanted the pair of functions: (probabilities, draw)"
    logits = SHARES.log() + torch.tensor([[1.5], [-2.0], [0.3]])    # the odds' logarithms but for a constant
    for fields in SETTINGS:
        said = ", ".join(f"{name}={value}" for name, value in fields.items()) or "temperature=1 and nothing cut"
        try:
            message = _odds(pair[0](logits.clone(), SampleConfig(**{"top_k": None, **fields})), logits, fields)
        except NotImplementedError:
            raise
        except RuntimeError as error:
            message = f"it raises {error}" + ("; more than there are means all of them" if "99" in said else "")
        if message:
            return f"{said}: {message}"
    return _tokens(pair[1])


def _odds(got, logits, fields):
    right = probabilities(logits, SampleConfig(**{"top_k": None, **fields}))
    if not isinstance(got, torch.Tensor) or got.shape != right.shape:
        return wrong_form(got, right)
    if fields.get("temperature") == 0 and not got.isfinite().all():
        return "it divides by 0. All the odds belong to the likeliest code here: a case of its own"
    if like(got, right):
        return None
    row = int((got - right).abs().nan_to_num(9).max(1).values.argmax())
    return (said_of(got, misread(logits, **{"temperature": 1.0, "top_k": None, "top_p": None, **fields}))
            or f"of the odds {row_of(SHARES[row])} it makes {row_of(got[row])}, wanted {row_of(right[row])}")


def _tokens(function):
    whole, logits = SampleConfig(top_k=None), SHARES.log()[[0, 0, 0, 1, 1, 2, 2]]
    u = torch.tensor([0.02, 0.45, 0.93, 0.3, 0.75, 0.2, 0.999])
    got, right = function(logits, u, whole), draw(logits, u, whole)
    form = wrong_form(got, right)
    if form:
        return form + ": one code for each row"
    falling, order = logits.softmax(-1).sort(-1, descending=True)
    rows = {
        "one u for all rows: each row has its own": draw(logits, u[:1].expand(7), whole),
        "it takes the likeliest code: u decides nothing": logits.argmax(-1),
        "u walks from the likeliest code down. A fair draw, but another picture: walk in the order of their numbers":
            order.gather(-1, (falling.cumsum(-1) <= u[:, None]).sum(-1, keepdim=True))[:, 0],
    }
    if not torch.equal(got, function(logits, u, whole)):
        return "the same u gives another code when asked again: nothing but u may decide"
    if not torch.equal(got, right):
        return said_of(got, rows) or f"for u = {row_of(u)} it gives {got.tolist()}, wanted {right.tolist()}"
    # What is cut is never drawn, not at u = 0 and not at the largest u.
    many, cut = torch.randn(400, 512, generator=torch.Generator().manual_seed(1)), SampleConfig(top_k=200)
    for config, number in ((cut, 0.5), (cut, 0.0), (whole, 1 - 2**-24), (cut, 1 - 2**-24)):
        got, end = function(many, torch.full((400,), number), config), "Add up in double, take u times the last edge"
        if got.max() >= 512:
            return f"u just below 1 falls on code 512 of 512, past the end: a sum of float32 may end below 1. {end}"
        if probabilities(many, config).gather(1, got[:, None]).min() == 0:
            return {0.0: "u = 0 falls on a code that was cut: wanted is the first whose edge is *above* u (right=True)",
                    0.5: "with top_k it draws codes that were cut: draw from probabilities(logits, config)",
                    }.get(number, f"u just below 1 falls on a code that was cut: the last code may have no odds. {end}")
    return None


def check_step(block_step):
    """One place behind four that the cache holds: what the cache holds afterwards, and what comes out."""
    torch.manual_seed(0)
    prior = Transformer(TransformerConfig(K=7, T=8, layers=2, heads=2, width=8)).double().eval().requires_grad_(False)
    for parameter in prior.parameters():
        parameter += 0.3 * torch.randn_like(parameter)
    block, x, used = prior.blocks[1], torch.randn(2, 6, 8, dtype=torch.float64), 4
    q, k, v = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in block.qkv(block.norm1(x)).split(8, 2))
    keys, values = x.new_full((2, 2, 2, 8, 4), 0.7), x.new_full((2, 2, 2, 8, 4), -3.0)
    keys[1, :, :, :used], values[1, :, :, :used] = k[:, :, :used], v[:, :, :used]
    cache, before = SimpleNamespace(keys=keys, values=values, used=used), (keys.clone(), values.clone())
    got, right = block_step(block, x[:, used:used + 1].clone(), cache, 1), block(x)[:, used:used + 1]
    form = wrong_form(got, right)
    if form:
        return form
    if cache.used != used:
        return "cache.used is moved inside: all layers write to the same place, so whoever calls them moves it, once"
    if cache.keys is not keys or cache.values is not values:
        return "the cache holds new tensors: all that was kept has been copied. Write into the tensors that are there"
    message = (_written("key", keys, before[0], k[:, :, used], v[:, :, used], used)
               or _written("value", values, before[1], v[:, :, used], k[:, :, used], used))
    return message or (None if like(got, right) else _looks(block, x, got, before, used, q, k, v))


def _written(name, now, old, new, other, used):
    """Where the new key or value stands in the cache: None, or a sentence."""
    layers, places = (sorted(set((now != old).any(-1).nonzero()[:, i].tolist())) for i in (0, 3))
    if not places:
        return f"the {name} of the new place is not kept: later tokens will want to look at it"
    if layers != [1]:
        return f"the {name} is written into layer {layers[0]}, in a call for layer 1: each layer has its own"
    if places != [used]:
        off = "cache position off by one: " if places in ([used - 1], [used + 1]) else ""
        what = "over the last one" if places == [used - 1] else f"and place {used} stays a hole"
        return f"{off}places 0 to {used - 1} are filled, and the {name} is written to {places}, {what}"
    if like(now[1, :, :, used], new):
        return None
    swapped = like(now[1, :, :, used], other)
    return "keys and values have changed places" if swapped else f"what is kept is not the {name} of the new place"


def _looks(block, x, got, before, used, q, k, v):
    def after(k, v, scale=0.5, keep=1.0):
        h = ((q[:, :, used:used + 1] @ k.transpose(2, 3) * scale).softmax(-1) @ v).transpose(1, 2).flatten(2)
        h = keep * x[:, used:used + 1] + block.out(h)
        return h + block.mlp(block.norm2(h))

    own, (keys, values) = slice(0, used + 1), (part[1].clone() for part in before)
    keys[:, :, used], values[:, :, used] = k[:, :, used], v[:, :, used]
    rows = {
        "the new place does not see itself: write first, then look at the places 0 to cache.used":
            after(k[:, :, :used], v[:, :, :used]),
        "it looks at the whole length of the cache, at places that nobody has filled": after(keys, values),
        "it sees the first place alone: is_causal draws its mask from the corner, which with one query hides all other "
        "keys. The newest place may look at everything: no mask": after(k[:, :, :1], v[:, :, :1]),
        "it sees itself alone: the past is in the cache": after(k[:, :, used:used + 1], v[:, :, used:used + 1]),
        "the products are not divided by the root of d": after(k[:, :, own], v[:, :, own], 1.0),
        "x is not added behind attention": after(k[:, :, own], v[:, :, own], keep=0.0),
    }
    return said_of(got, rows) or "the cache is as it should be, but what comes out is not what the block gives here"


def check_nucleus(nucleus):
    """Logits and p -> logits: three rows, one of which has a code with more than p alone."""
    logits, p = SHARES.log() + 0.4, 0.6
    got, right = nucleus(logits.clone(), p), probabilities(logits, SampleConfig(top_k=None, top_p=p))
    if not isinstance(got, torch.Tensor) or got.shape != logits.shape or got.isnan().any():
        return wrong_form(got, logits)
    got, rows = got.softmax(-1), misread_top_p(SHARES, SHARES > 0, None, p)
    dropped = next(odds for text, odds in rows.items() if "is dropped" in text)             # nan in the second row
    alone, empty = (SHARES == SHARES.amax(1, keepdim=True)).double(), dropped.isnan()
    return None if like(got, right) else said_of(got, {
        "no row is empty any more, but the code that crosses p is still dropped in the others":
            torch.where(empty, alone, dropped),
        "where one code alone has more than p all are kept": torch.where(empty, SHARES, dropped),
        "it gives odds: wanted logits, -inf for what is cut": right.softmax(-1), **rows,
    }) or f"of the odds {row_of(SHARES[0])} with p = {p} it makes {row_of(got[0])}, wanted {row_of(right[0])}"


def check_too_near(too_near):
    """Features with planted copies -> the share of samples nearer than all but a share of the validation faces."""
    known, validation, fresh = (torch.randn(n, 6) for n in (200, 200, 400))
    samples = torch.cat([1.2 * fresh, known[:90] + 0.05 * torch.randn(90, 6)])[torch.randperm(490)][:450]
    near, base = (neighbours(part, known)[0] for part in (samples, validation))
    own, across = torch.cdist(known, known).fill_diagonal_(1e9).min(1).values, torch.cdist(samples, validation)
    for share in (0.3, 0.1):
        got, right = float(too_near(samples, validation, known, share)), _below(near, base, share)
        rows = {
            "the validation faces are not asked: an edge from the samples gives back the share itself":
                _below(near, near, share),
            "the validation faces are not asked: the edge says how near training faces are to each other":
                _below(near, own, share),
            "samples are held against validation faces: whoever copies, copies what it was trained on":
                _below(across.min(1).values, base, share),
            "nothing counts, not even the copies: is the edge at distance 0?": 0.0,
            "the samples that are further away are counted": 1 - right,
            "the edge lies at 1 - share of the validation distances": _below(near, base, 1 - share),
            "the edge is the mean distance, and wanted is the one below which `share` of the validation faces lie":
                (near < base.mean()).double().mean().item(),
        }
        if abs(got - right) > 1e-6:
            said = next((text for text, wrong in rows.items() if abs(got - wrong) < 1e-6), None)
            return said or f"with share={share} it gives {got:.3f}, wanted {right:.3f}"
    return None


EXERCISES = (
    Exercise(
        "11.1", "predict", "Always the likeliest", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("16: each has uniform numbers of its own", 16,
                        "At temperature 0 the numbers decide nothing: u falls on the likeliest code whatever it is. "
                        "One beginning, one end."),
            "b": Option("1: nothing is left to chance", 1, right=True),
            "c": Option("12: the best face of each of its classes", 12,
                        "Somebody would have to name a class. All sixteen have one and the same prefix, and from there "
                        "one path leads along the likeliest codes."),
        }),
    Exercise(
        "11.2", "complete", "From odds to tokens", difficulty=2, minutes=20, points=5,
        check=check_painter, package=lambda: (probabilities, draw),
        hints=("In this order: divide the logits, cut to the k likeliest, softmax, cut to those that reach p, divide "
               "by their sum. Temperature 0 is a case of its own, and so is a k above K.",
               "Top-p: sort the odds downwards; whose cumsum minus itself is below p stays. torch.zeros_like(odds)."
               "scatter(-1, order, kept) brings the answer back into the order of the codes.",
               "edges = probabilities(logits.double(), config).cumsum(-1), then torch.searchsorted(edges, "
               "(u.double() * edges[:, -1])[:, None], right=True)[:, 0].")),
    Exercise(
        "11.3", "complete", "One step with a cache", difficulty=3, minutes=15, points=5,
        check=check_step, package=lambda: block_step,
        hints=("Write the new key and value to their place; look from the one query at all places so far; go on as the "
               "block of lesson 10 does.",
               "Places 0 to cache.used - 1 are filled, so the new one is cache.used; look at all up to it, inclusive: "
               "cache.keys[layer, :, :, :cache.used + 1].",
               "cache.keys[layer, :, :, cache.used] = k[:, :, 0]. Then F.scaled_dot_product_attention(q, keys, values)."
               "transpose(1, 2).flatten(2), block.out, + x, and + block.mlp(block.norm2(...)).")),
    Exercise(
        "11.4", "debug", "Sometimes nothing", difficulty=2, minutes=8, points=3,
        check=check_nucleus, package=lambda: nucleus,
        hints=("By hand: odds 0.7, 0.2, 0.1 and p = 0.6. Which codes are marked in `cut`?",
               "The code that crosses p has to stay. It is the first that is marked: the marks begin one too early.",
               "cut[:, 1:] = cut[:, :-1].clone(), then cut[:, 0] = False.")),
    Exercise(
        "11.5", "explore", "Is it copying?", difficulty=2, minutes=15, points=4,
        check=check_too_near, package=lambda: too_near,
        hints=("Two sets of distances to the nearest known face: from each sample, and from each validation face.",
               "The edge is the distance below which `share` of the validation faces lie: quantile(share).",
               "neighbours(samples, known)[0] < neighbours(validation, known)[0].quantile(share): which share?")),
)
