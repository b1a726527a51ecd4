"""Exercises of lesson 09, sentences: what a sentence costs, a table of pairs, and what a convolution never sees."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.pixelcnn import GatedLayer
from minivq.sentences import Sentences, simple_models
from minivq.training_prior import PriorConfig, prior_loss


def nll(prior, indices):
    """A prior, (B, h, w) codes -> nats per token, as the package's training has it."""
    return prior_loss(prior, indices.flatten(1), None, PriorConfig(steps=1, bf16=False))


def costs(nats, tokens, pixels):
    """Nats per token -> nats per picture, bytes per picture, bits per pixel."""
    return nats * tokens, nats * tokens / math.log(2) / 8, nats * tokens / math.log(2) / pixels


class Toy(nn.Module):
    """A prior of 6 tokens out of 5 codes: its odds depend on the code before and on the place."""

    def __init__(self):
        super().__init__()
        self.after, self.place = (nn.Parameter(2 * torch.randn(n, 5, dtype=torch.float64)) for n in (6, 7))
        self.most = 0                                               # tokens that it was given at once

    def forward(self, tokens, cond=None):
        self.most = max(self.most, tokens.shape[1])
        return self.after[F.pad(tokens, (1, 0), value=5)] + self.place[:tokens.shape[1] + 1]


def check_cost(pair):
    """(nll, costs): the nats of a small prior's sentences, and what they come to."""
    right = isinstance(pair, tuple) and len(pair) == 2
    return _nll(pair[0]) or _costs(pair[1]) if right else "wanted the pair of functions: (nll, costs)"


def _three(answer):
    return isinstance(answer, (tuple, list)) and len(answer) == 3


def _same(value, rows, near=1e-6):
    """The message of the first row (message, wrong value) that this value equals, or None."""
    return next((text for text, wrong in rows.items() if math.isclose(float(value), float(wrong), rel_tol=near)), None)


def _nll(function):
    prior, indices = Toy(), torch.randint(5, (4, 2, 3))
    right, got = nll(prior, indices), function(prior, indices)
    most = prior.most
    if wrong_form(got, right):
        return wrong_form(got, right, "the result")
    tokens, down, whole = indices.flatten(1), indices.mT.flatten(1), prior(indices.flatten(1))
    price = lambda logits, t: F.cross_entropy(logits.flatten(0, 1), t.flatten())                # noqa: E731
    message = _same(got, {
        "it reads the grid down its columns: raster order goes along rows": price(prior(down[:, :-1]), down),
        "there is no shift: each token is scored by odds that were given with that very token in sight. A good prior "
        "would come out near 0": price(whole[:, 1:], tokens),
        "it is shifted the wrong way, each token scored by odds of the one before": price(whole[:, :-2], tokens[:, 1:]),
        "the first token is not paid: its odds are the prior's first row, given before anything was seen":
            price(whole[:, 1:-1], tokens[:, 1:]),
        "it is the price of a whole sentence: divide by its tokens": right * 6,
        "these are bits: cross_entropy gives nats, the natural logarithm": right / math.log(2),
        "the sign is turned round: likely sentences are cheap, unlikely ones dear": -right,
        "the mean is inside the logarithm": -whole[:, :-1].softmax(-1).gather(2, tokens[:, :, None]).mean().log()})
    if message or not math.isclose(got.item(), right.item(), rel_tol=1e-6):
        return message or f"for a small prior it gives {got.item():.4f} nats per token, not {right.item():.4f}"
    if not got.requires_grad:
        return "no gradient leads back to the prior: it could not learn from this"
    return None if most < 6 else ("right, but the last token is handed to the prior as well, to ask what follows it. "
                                  "Nothing does, and a prior of T tokens has no place for it: give it all but the last")


def _costs(function):
    nats, tokens, pixels = 1.75, 6, 96
    got = function(nats, tokens, pixels)
    if not _three(got):
        return "wanted three numbers: nats per picture, bytes, bits per pixel"
    right = costs(nats, tokens, pixels)
    whole, bits = right[0], right[0] / math.log(2)
    called = "nats are called bits: a nat is 1 / ln 2 bits, nearly one and a half"
    rows = ({"it is still nats per token: a picture has all its tokens": nats, "these are bits, not nats": bits},
            {called: whole / 8, "bits are called bytes": bits, "it multiplies by ln 2": right[1] * math.log(2)**2},
            {called: whole / pixels, "it is in bytes: bits per pixel were asked for": right[1] / pixels,
             "it divides by tokens: bits per *pixel* were asked for, and a token draws many of them": bits / tokens})
    for value, wanted, wrong in zip(got, right, rows, strict=True):
        if not math.isclose(float(value), wanted, rel_tol=1e-6):
            return _same(value, wrong) or f"of {nats} nats it makes {float(value):.4f} where {wanted:.4f} is right"
    return None


def tables(train, K, weight, own=1.0, chain=False):
    """(N, h, w) codes -> share (K,), counts of pairs (K, K), odds of the first code, odds after each code."""
    tokens = train.flatten(1).long()
    before, then = (tokens.flatten()[:-1], tokens.flatten()[1:]) if chain else (tokens[:, :-1], tokens[:, 1:])
    share = (torch.bincount(tokens.flatten(), minlength=K) + own).double()
    share = share / share.sum()
    pairs = torch.bincount((before * K + then).flatten(), minlength=K * K).reshape(K, K).double()
    first = (torch.bincount(tokens[:, 0], minlength=K) + weight * share) / (len(tokens) + weight)
    return share, pairs, first, (pairs + weight * share) / (pairs.sum(1, keepdim=True) + weight)


def bigram(train, held, K, weight=20.0):
    """(N, h, w), (M, h, w) codes -> odds of the first code (K,), of each after each (K, K), nats per token of held."""
    _, _, first, after = tables(train, K, weight)
    said = held.flatten(1).long()
    nats = -(first[said[:, 0]].log().sum() + after[said[:, :-1], said[:, 1:]].log().sum()) / said.numel()
    return first, after, nats.item()


def check_bigram(function):
    """bigram(train, held, K, weight): its two tables, then its price."""
    K, weight = 6, 7.0
    train, held = torch.randint(5, (9, 2, 3)), torch.randint(6, (7, 2, 3))         # code 5: in `held` alone
    train[:, 0, 0] %= 3
    got = function(train, held, K, weight)
    if not _three(got):
        return "wanted three results: the odds of the first code, the odds after each code, the nats of `held`"
    shapes = [tuple(getattr(part, "shape", ())) for part in got[:2]]
    if shapes != [(K,), (K, K)]:
        return f"wanted tensors of shapes {(K,)} and {(K, K)}, then a number; got {shapes[0]} and {shapes[1]}"
    first, after = got[0].double(), got[1].double()
    share, pairs, *right = tables(train, K, weight)
    rows, mixed = pairs.sum(1, keepdim=True), pairs + weight * share
    wrong = {
        "the counts are those of the held pictures: count on `train`, and score `held`": tables(held, K, weight)[3],
        "the grids are read down their columns, not along the rows": tables(train.mT, K, weight)[3],
        "the last code of a picture is paired with the first of the next: pictures do not follow each other":
            tables(train, K, weight, chain=True)[3],
        "it always mixes with 20 pairs, whatever `weight` says": tables(train, K, 20.0)[3],
        "the table is turned over: row a holds what comes after a, not before it": right[1].T,
        "nothing is smoothed: a pair that never occurred has odds 0, and costs infinitely much": pairs / rows,
        "the weight stands in every cell, so K times as many pairs are made up, all codes alike. Mix with the share":
            (pairs + weight) / (rows + K * weight),
        "it mixes with 1 / K, all codes alike, not with the share": (pairs + weight / K) / (rows + weight),
        "codes that never occur in `train` have odds 0: the share has a + 1 for them": tables(train, K, weight, 0)[3],
        "the rows do not sum to 1: divide by their counts plus the weight": mixed,
        "the columns sum to 1 instead of the rows: divide by the code *before*": mixed / mixed.sum(0)}
    if not torch.allclose(after, right[1], rtol=1e-5):
        message = [text for text, one in wrong.items() if torch.allclose(after, one, rtol=1e-5, equal_nan=True)]
        return message[0] if message else f"the odds of 0 after 0 are {after[0, 0]:.3f}, wanted {right[1][0, 0]:.3f}"
    if not torch.allclose(first, right[0], rtol=1e-5):
        return "the odds of the first code are off: count the codes at the first place, and mix them with the share"
    return _price(float(function(train, held, K)[2]), train, held, K)


def _price(nats, train, held, K):
    (_, _, first, after), train, held = tables(train, K, 20.0), train.flatten(1), held.flatten(1)
    wanted = simple_models(Sentences(train[:, None], None), Sentences(held[:, None], None), K)["bigram"]
    begin, rest = -first[held[:, 0]].log().sum(), -after[held[:, :-1], held[:, 1:]].log().sum()
    on_train = -first[train[:, 0]].log().sum() - after[train[:, :-1], train[:, 1:]].log().sum()
    return None if math.isclose(nats, wanted, rel_tol=1e-6) else _same(nats, {
        "the price is that of the pictures it was counted on. Score `held`": on_train / train.numel(),
        "the first code is not paid: a sentence has one token more than pairs": rest / held.numel(),
        "it is the mean over pairs: a sentence has one token more, which is paid, too": rest / (held.numel() - 7),
        "it is the price of a picture: divide by its tokens": (begin + rest) / 7,
        "these are bits: take the natural logarithm": (begin + rest) / held.numel() / math.log(2),
    }) or f"both tables are right, the price is {nats:.4f}, not {wanted:.4f}"


class CausalStack(nn.Module):
    """(B, C, h, w) -> (B, C, h, w): the package's layers, which know all codes before a place and nothing else."""

    def __init__(self, width, kernel, layers):
        super().__init__()
        self.layers = nn.ModuleList(GatedLayer(width, kernel, 0.0) for _ in range(layers))

    def forward(self, x):
        above, left = F.pad(x, (0, 0, 1, -1)), F.pad(x, (1, -1))
        for layer in self.layers:
            above, left = layer(above, left, x.new_zeros(()))
        return left


def check_stack(cls):
    """CausalStack(width, kernel, layers): what each place feels, for two kernels that reach all of a small grid."""
    return (_felt(cls, 3, 4) or _felt(cls, 5, 2)) if isinstance(cls, type) else "wanted the class itself"


def felt(net, width, side=5):
    """A net of (B, width, side, side) -> (T, T) bool: row i, which codes the output at place i feels."""
    x, T = torch.randn(8, 1, width, side, side, dtype=torch.float64), side * side  # 8, for nets with relu
    bumps = torch.eye(T, dtype=torch.float64).reshape(T, 1, side, side)
    with torch.no_grad():
        return torch.stack([(net(one + bumps) - net(one)).abs().amax(1).flatten(1) > 1e-12 for one in x]).any(0).T


def _felt(cls, kernel, layers):
    net, like = cls(6, kernel, layers).double(), torch.zeros(2, 6, 4, 5, dtype=torch.float64)
    if wrong_form(net(like), like):
        return wrong_form(net(like), like, "the output")
    found, wanted = felt(net, 6), torch.ones(25, 25).tril(-1).bool()
    place = [divmod(i, 5) for i in range(25)]
    early, unseen = ([(place[i], place[j]) for i, j in part.nonzero().tolist()]
                     for part in (found & ~wanted, wanted & ~found))
    if early and not (felt(cls(6, kernel, 1).double(), 6) & ~wanted).any():
        return ("one layer lets nothing through too early, several do: what looks along its own row was handed to what "
                "looks to the right as well. Only the stack that sees the rows above alone may hand over")
    later = [pair for pair in early if pair[0] != pair[1]]
    if later:
        return "it leaks: the output at {} (row, column) feels the code at {}, a later one".format(*later[0])
    if early:
        return "it leaks: each output feels its own code, which is to be guessed. That is mask B in the first layer"
    if not unseen:
        return None
    if all(i // 5 == j // 5 for i, j in found.nonzero().tolist()):
        return "what the rows above have to say never arrives: an output knows its own row at most"
    return (f"with {layers} layers of {kernel} x {kernel}, the output at {unseen[-1][0]} (row, column) never feels the "
            f"code at {unseen[-1][1]}, which comes before it: a blind spot. See which paths lead there")


def check_orders(answer):
    """(orders, free numbers, sum) for four tokens of two codes."""
    if not _three(answer):
        return "wanted three numbers: (orders, free numbers, sum)"
    rows = ({"4 choices for the first token; then 3 are left for the second, and so on": 4,
             "16 is the number of sentences. An order says which token is read when": 16},
            {"1 + 2 + 4 + 8 rows of two odds each, but each row sums to 1: one of the two is free": 30,
             "16 would be free if the odds of all sentences did not have to sum to 1": 16,
             "8 are those of the last token alone: add the others": 8,
             "a bigram has 1 + 2 + 2 + 2 rows: here each token sees *all* before it": 7},
            {"each order is a model of its own: within one order all is handed out once": 24,
             "four tables whose rows sum to 1; but in a sentence their odds are multiplied": 4})
    for value, wanted, wrong in zip(answer, (24, 15, 1), rows, strict=True):
        if not math.isclose(float(value), wanted):
            return _same(value, wrong) or f"{float(value):g} is not it"
    return None


EXERCISES = (
    Exercise(
        "9.1", "predict", "The bytes of a face", difficulty=1, minutes=4, points=1,
        options={
            "a": Option("72, then about 50, then about 25: some codes are far more frequent, as letters are", None,
                        "So it is with letters. But lesson 04 worked for a codebook in which all codes are used about "
                        "equally often, and such a codebook leaves the unigram nothing to save."),
            "b": Option("72, about 71, about 69: the codes are equally frequent, and one neighbour tells little", None,
                        "A healthy codebook is dear to write down, code by code.", right=True),
            "c": Option("50, about 49, about 48: ln 512 is 6.24, times 64, in eighths", None,
                        "Those are nats, called bits. A nat is 1 / ln 2 bits, so 6.24 nats are 9 bits."),
            "d": Option("64 each: a token is a byte", None,
                        "A byte tells 256 things apart, there are 512 codes: 9 bits."),
        }),
    Exercise(
        "9.2", "complete", "What a sentence costs", difficulty=2, minutes=10, points=4,
        check=check_cost, package=lambda: (nll, costs),
        hints=("For three tokens, which rows of logits do you want? Does the prior ever need the last token?",
               "indices.flatten(1) goes row by row; the prior gets all tokens but the last, and gives a row of logits "
               "for each token. F.cross_entropy wants (B T, K) and (B T,).",
               "F.cross_entropy(prior(tokens[:, :-1]).flatten(0, 1), tokens.flatten()). Bits: nats * tokens / ln 2.")),
    Exercise(
        "9.3", "complete", "A table of pairs", difficulty=2, minutes=15, points=4,
        check=check_bigram, package=lambda: bigram,
        hints=("Three counts, all on `train`: of single codes, of codes at the first place, of pairs within a picture. "
               "A pair (a, b) can be counted as the one number a K + b, with torch.bincount.",
               "share = (counts + 1) / (tokens + K); after = (pairs + weight share) / (pairs.sum(1) + weight), row by "
               "row; first likewise, from the first place.",
               "The price: minus the sums of first[held[:, 0]].log() and after[held[:, :-1], held[:, 1:]].log(), over "
               "the number of held tokens, with held.flatten(1).")),
    Exercise(
        "9.4", "debug", "The blind spot", difficulty=3, minutes=15, points=4,
        check=check_stack, package=lambda: CausalStack,
        hints=("Look at a row of `knows` as a grid. Which earlier codes are missing? Which path would lead from them "
               "to its place, and which step of it does the mask forbid?",
               "Two stacks. One looks above, at all columns: rows < 0 in the first layer, rows <= 0 later. The other "
               "looks left: (rows == 0) & (columns < 0), later (rows == 0) & (columns <= 0).",
               "In each layer above = vertical(above).tanh(), then left = (horizontal(left) + across(above)).tanh(), "
               "with a 1 x 1 convolution for across. The result is left.")),
    Exercise(
        "9.5", "prove", "Every order will do", difficulty=2, minutes=10, points=2, check=check_orders,
        hints=("In how many ways can four things be put in a row? Of two odds in a row, how many can you choose?",
               "The first token has one row of odds, the second one for each code of the first, then 4, then 8.",
               "Fix three tokens and sum over the last: its two odds give 1, and a sentence of three is left. Go on.")),
)
