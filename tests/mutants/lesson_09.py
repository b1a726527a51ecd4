"""Lesson 09, sentences: misconceptions and other right answers."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.mutants import Alternative, Mutant


def score(read=lambda grid: grid.flatten(1), given=lambda t: t[:, :-1], rows=lambda logits: logits,
          targets=lambda t: t, end=lambda x: x, reduction="mean"):
    """An nll of which single parts can be wrong."""
    def nll(prior, indices):
        tokens = read(indices)
        logits, wanted = rows(prior(given(tokens))), targets(tokens)
        return end(F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction=reduction))
    return nll


def by_gather(prior, indices):
    tokens = indices.reshape(len(indices), -1)
    odds = prior(tokens[:, :-1]).log_softmax(2)
    return -torch.gather(odds, 2, tokens[..., None]).mean()


def mean_odds(prior, indices):
    tokens = indices.flatten(1)
    return -prior(tokens[:, :-1]).softmax(2).gather(2, tokens[:, :, None]).mean().log()


def come_to(whole=lambda n, t, p: n * t, size=lambda n, t, p: n * t / math.log(2) / 8,
            rate=lambda n, t, p: n * t / math.log(2) / p):
    def costs(nats, tokens, pixels):
        return tuple(part(nats, tokens, pixels) for part in (whole, size, rate))
    return costs


def nll_side(function):
    """A pair whose nll is this one."""
    return function, come_to()


def costs_side(**wrong):
    """A pair whose costs are wrong in this."""
    return score(), come_to(**wrong)


def table(source=lambda train, held: train, read=lambda grid: grid.flatten(1), one=1.0, rows=lambda m: m.sum(1, True),
          added=lambda share: share, turn=lambda m: m, first=lambda counts, share, w: counts + w * share, fixed=None,
          scored=lambda train, held: held, price=lambda begin, rest, n, N: (begin + rest) / n, chain=False):
    """A bigram of which single parts can be wrong."""
    def bigram(train, held, K, weight=20.0):
        tokens, weight = read(source(train, held)), weight if fixed is None else fixed
        share = torch.bincount(tokens.flatten(), minlength=K).double() + one
        share /= share.sum()
        pairs = torch.zeros(K, K, dtype=torch.float64)
        line = [tokens.flatten()] if chain else tokens
        for sentence in line:
            for a, b in zip(sentence[:-1].tolist(), sentence[1:].tolist(), strict=True):
                pairs[a, b] += 1
        mixed = pairs + weight * added(share)
        after = turn(mixed / rows(mixed))
        begin = first(torch.bincount(tokens[:, 0], minlength=K).double(), share, weight)
        begin = begin / begin.sum()
        said = scored(train, held).flatten(1)
        cost = -begin[said[:, 0]].log().sum(), -after[said[:, :-1], said[:, 1:]].log().sum()
        return begin, after, float(price(*cost, said.numel(), len(said)))
    return bigram


def pair_by_pair(train, held, K, weight=20.0):
    """Other words, the same table."""
    t, h = train.flatten(1), held.flatten(1)
    share = (F.one_hot(t, K).sum((0, 1)) + 1) / (t.numel() + K)
    pairs = torch.einsum("nia,nib->ab", F.one_hot(t[:, :-1], K).double(), F.one_hot(t[:, 1:], K).double())
    after = torch.stack([(row + weight * share) / (row.sum() + weight) for row in pairs])
    first = (F.one_hot(t[:, 0], K).sum(0) + weight * share) / (len(t) + weight)
    odds = torch.cat([first[h[:, :1]], after[h[:, :-1], h[:, 1:]]], 1)
    return first, after, -odds.log().mean()


class Stack(nn.Module):
    """CausalStack as it was planted, or with two stacks, of which single parts can be wrong."""

    two, own_first, wide, back, hand, above_own = True, False, 0, False, True, False

    def __init__(self, width, kernel, layers):
        super().__init__()
        kernel += self.wide
        steps = torch.arange(kernel) - kernel // 2
        r, c = torch.meshgrid(steps, steps, indexing="ij")
        make = lambda size: nn.ModuleList(nn.Conv2d(width, width, size, padding=size // 2)     # noqa: E731
                                          for _ in range(layers))
        self.one, self.other, self.across = make(kernel), make(kernel), make(1)
        self.single = [(r < 0) | (r == 0) & (c < n) for n in (0, 1)]
        self.vertical, self.horizontal = [r < 0, r <= 0], [(r == 0) & (c < n) for n in (0, 1)]
        if self.above_own:
            self.vertical[0] = r <= 0

    def masked(self, x, conv, mask):
        return F.conv2d(x, conv.weight * mask, conv.bias, padding="same")

    def forward(self, x):
        above = left = x
        for i, (one, other, across) in enumerate(zip(self.one, self.other, self.across, strict=True)):
            later = i > 0 or self.own_first
            if not self.two:
                left = self.masked(left, one, self.single[later]).tanh()
                continue
            above = self.masked(above, one, self.vertical[i > 0]).tanh()
            left = self.masked(left, other, self.horizontal[later])
            left = (left + across(above) if self.hand else left).tanh()
            above = above + left if self.back else above
        return left


def stack(**parts):
    return type("CausalStack", (Stack,), parts)


class Shifted(nn.Module):
    """Moved once, then convolutions that look up and left."""

    def __init__(self, width, kernel, layers):
        super().__init__()
        self.n = kernel // 2
        self.down = nn.ModuleList(nn.Conv2d(width, width, (self.n + 1, kernel)) for _ in range(layers))
        self.right = nn.ModuleList(nn.Conv2d(width, width, (1, self.n + 1)) for _ in range(layers))

    def forward(self, x):
        above, left = F.pad(x[:, :, :-1], (0, 0, 1, 0)), F.pad(x[..., :-1], (1, 0))
        for down, right in zip(self.down, self.right, strict=True):
            above = down(F.pad(above, (self.n, self.n, self.n, 0))).relu() + above
            left = (right(F.pad(left, (self.n, 0, 0, 0))) + above).tanh()
        return left


class Silent(nn.Module):
    def __init__(self, width, kernel, layers):
        super().__init__()

    def forward(self, x):
        return torch.zeros_like(x)


MUTANTS = [
    Mutant("9.2", "column-major tokens", nll_side(score(read=lambda grid: grid.mT.flatten(1))), "down its columns"),
    Mutant("9.2", "no shift", nll_side(score(given=lambda t: t, rows=lambda x: x[:, 1:])), "there is no shift"),
    Mutant("9.2", "shifted the wrong way", nll_side(score(rows=lambda x: x[:, :-1], targets=lambda t: t[:, 1:])),
           "the wrong way"),
    Mutant("9.2", "first token not paid", nll_side(score(rows=lambda x: x[:, 1:], targets=lambda t: t[:, 1:])),
           "the first token is not paid"),
    Mutant("9.2", "sum over the sentence", nll_side(score(end=lambda x: 6 * x)), "a whole sentence"),
    Mutant("9.2", "bits", nll_side(score(end=lambda x: x / math.log(2))), "these are bits"),
    Mutant("9.2", "likelihood, not its negative", nll_side(score(end=lambda x: -x)), "sign is turned round"),
    Mutant("9.2", "logarithm of mean odds", nll_side(mean_odds), "inside the logarithm"),
    Mutant("9.2", "a price for each token", nll_side(score(reduction="none")), "has shape"),
    Mutant("9.2", "a bare number", nll_side(score(end=lambda x: x.item())), "wanted a tensor"),
    Mutant("9.2", "detached", nll_side(score(end=lambda x: x.detach())), "no gradient"),
    Mutant("9.2", "the last token given, too", nll_side(score(given=lambda t: t, rows=lambda x: x[:, :-1])),
           "the last token is handed"),
    Mutant("9.2", "nats called bits, bytes", costs_side(size=lambda n, t, p: n * t / 8), "nats are called bits"),
    Mutant("9.2", "nats called bits, rate", costs_side(rate=lambda n, t, p: n * t / p), "nats are called bits"),
    Mutant("9.2", "times ln 2", costs_side(size=lambda n, t, p: n * t * math.log(2) / 8), "multiplies by ln 2"),
    Mutant("9.2", "divided by tokens", costs_side(rate=lambda n, t, p: n / math.log(2)), "it divides by tokens"),
    Mutant("9.2", "bits called bytes", costs_side(size=lambda n, t, p: n * t / math.log(2)), "bits are called bytes"),
    Mutant("9.2", "bytes per pixel", costs_side(rate=lambda n, t, p: n * t / math.log(2) / 8 / p), "it is in bytes"),
    Mutant("9.2", "still per token", costs_side(whole=lambda n, t, p: n), "still nats per token"),
    Mutant("9.2", "two numbers", (score(), lambda n, t, p: (n * t, n * t / 8)), "wanted three numbers"),
    Mutant("9.2", "one function", score(), "the pair of functions"),
    Mutant("9.3", "counts from validation", table(source=lambda train, held: held), "those of the held pictures"),
    Mutant("9.3", "no smoothing", table(added=lambda share: 0 * share), "nothing is smoothed"),
    Mutant("9.3", "column-major", table(read=lambda grid: grid.mT.flatten(1)), "down their columns"),
    Mutant("9.3", "pairs across pictures", table(chain=True), "do not follow each other"),
    Mutant("9.3", "turned over", table(turn=lambda m: m.T), "turned over"),
    Mutant("9.3", "weight in every cell", table(added=lambda share: torch.ones_like(share)), "in every cell"),
    Mutant("9.3", "mixed with 1 / K", table(added=lambda share: torch.full_like(share, 1 / len(share))), "with 1 / K"),
    Mutant("9.3", "share without its 1", table(one=0.0), "the share has a + 1"),
    Mutant("9.3", "rows do not sum to 1", table(rows=lambda m: 1.0), "rows do not sum to 1"),
    Mutant("9.3", "columns sum to 1", table(rows=lambda m: m.sum(0)), "columns sum to 1"),
    Mutant("9.3", "20 whatever the weight", table(fixed=20.0), "whatever `weight` says"),
    Mutant("9.3", "first code by the share", table(first=lambda counts, share, w: share), "at the first place"),
    Mutant("9.3", "first code not smoothed", table(first=lambda counts, share, w: counts), "at the first place"),
    Mutant("9.3", "scored on train", table(scored=lambda train, held: train), "it was counted on"),
    Mutant("9.3", "first code not paid", table(price=lambda begin, rest, n, N: rest / n), "first code is not paid"),
    Mutant("9.3", "mean over pairs", table(price=lambda begin, rest, n, N: rest / (n - N)), "the mean over pairs"),
    Mutant("9.3", "price of a picture", table(price=lambda begin, rest, n, N: (begin + rest) / N), "of a picture"),
    Mutant("9.3", "bits", table(price=lambda begin, rest, n, N: (begin + rest) / n / math.log(2)), "these are bits"),
    Mutant("9.3", "the number alone", lambda *a: table()(*a)[2], "three results"),
    Mutant("9.3", "one table", lambda *a: table()(*a)[1:] + (0,), "wanted tensors of shapes"),
    Mutant("9.4", "as planted", stack(two=False), "a blind spot"),
    Mutant("9.4", "a larger kernel", stack(two=False, wide=2), "a blind spot"),
    Mutant("9.4", "mask B in the first layer", stack(two=False, own_first=True), "mask B in the first layer"),
    Mutant("9.4", "two stacks, mask B in the first layer", stack(own_first=True), "mask B in the first layer"),
    Mutant("9.4", "the vertical stack sees its own row", stack(above_own=True), "a later one"),
    Mutant("9.4", "handed over both ways", stack(back=True), "Only the stack that sees the rows above"),
    Mutant("9.4", "nothing handed over", stack(hand=False), "never arrives"),
    Mutant("9.4", "nothing felt", Silent, "own row at most"),
    Mutant("9.4", "an instance", stack()(3, 3, 2), "the class itself"),
    Mutant("9.5", "four orders", (4, 15, 1), "4 choices for the first"),
    Mutant("9.5", "sentences for orders", (16, 15, 1), "the number of sentences"),
    Mutant("9.5", "both odds of a row free", (24, 30, 1), "one of the two is free"),
    Mutant("9.5", "sentences for free numbers", (24, 16, 1), "did not have to sum to 1"),
    Mutant("9.5", "the last table alone", (24, 8, 1), "the last token alone"),
    Mutant("9.5", "a bigram", (24, 7, 1), "each token sees *all*"),
    Mutant("9.5", "summed over orders", (24, 15, 24), "a model of its own"),
    Mutant("9.5", "four tables", (24, 15, 4), "odds are multiplied"),
    Mutant("9.5", "two numbers", (24, 1), "wanted three numbers"),
]

ALTERNATIVES = [
    Alternative("9.2", "by gather", nll_side(by_gather)),
    Alternative("9.2", "costs as a list", (score(), lambda n, t, p: [n * t, n * t * math.log2(math.e) / 8,
                                                                     math.log2(math.exp(n)) * t / p])),
    Alternative("9.3", "by one-hot codes", pair_by_pair),
    Alternative("9.3", "by a loop", table()),
    Alternative("9.4", "masks, two stacks", stack()),
    Alternative("9.4", "moved, not masked", Shifted),
    Alternative("9.5", "as a list", [24, 15, 1.0]),
]
