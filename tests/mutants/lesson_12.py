"""Lesson 12, conditions: misconceptions and other right answers."""

import torch
import torch.nn.functional as F
from torch import nn

from minivq.conditioning import KINDS
from minivq.datasets import one_hot
from tests.mutants import Alternative, Mutant


def entropy(logits, maps):
    return F.cross_entropy(logits, maps)


def prefix(channels=one_hot, order=lambda grid: grid.flatten(1), move=lambda words: words.first("map"),
           join=lambda kind, told: torch.cat([kind, told], 1), kind="segmentation"):
    """map_prefix with one thing wrong."""
    def map_prefix(maps, net, words):
        told = order(net.encode(channels(maps, net.config.channels))) + move(words)
        return join(told.new_full((len(told), 1), KINDS.index(kind)), told)
    return map_prefix


def loss_side(function):
    """A pair whose loss is this one."""
    return function, prefix()


def prefix_side(function):
    """A pair whose prefix is this one."""
    return entropy, function


def by_log_odds(logits, maps):
    return -logits.log_softmax(1).gather(1, maps[:, None]).mean()


def by_rows(maps, net, words):
    """Row by row, filled in."""
    grid = net.encode(one_hot(maps, net.config.channels))
    rows = torch.full((len(grid), 1 + grid[0].numel()), KINDS.index("segmentation"))
    for i in range(grid.shape[1]):
        rows[:, 1 + i * grid.shape[2]:1 + (i + 1) * grid.shape[2]] = grid[:, i] + words.first("map")
    return rows


def loop(keep=lambda keep: keep, number=lambda u, place, used: u[:, place], heard=lambda found, kept: kept,
         cond=lambda cond: cond, shift=0, paste=True):
    """complete with one thing wrong."""
    @torch.no_grad()
    def complete(prior, given, mask, told, u, draw):
        mask, tokens, used = keep(mask), given.clone(), torch.zeros(len(given), dtype=torch.int64)
        logits, cache = prior.begin(len(given), cond(told))
        for place in range(given.shape[1]):
            found = draw(logits, number(u, place, used))
            used += ~mask[:, place]
            tokens[:, place] = torch.where(mask[:, place], given[:, place], found) if paste else found
            if place + 1 < given.shape[1]:
                logits = prior.next(heard(found, tokens[:, place]), min(place + shift, given.shape[1] - 1), cache)
        return tokens
    return complete


def pasted_in_the_end(prior, given, keep, cond, u, draw):
    return torch.where(keep, given, loop(paste=False)(prior, given, keep, cond, u, draw))


def in_place(prior, given, keep, cond, u, draw):
    given.copy_(loop()(prior, given, keep, cond, u, draw))
    return given


def last_place_forgotten(prior, given, keep, cond, u, draw):
    tokens = loop()(prior, given, keep, cond, u, draw)
    tokens[:, -1] = 0
    return tokens


def likeliest(prior, given, keep, cond, u, draw):
    return loop()(prior, given, keep, cond, u, lambda logits, u: logits.argmax(1))


@torch.no_grad()
def without_cache(prior, given, keep, cond, u, draw):
    """Everything is computed anew for each token."""
    tokens = given * keep
    for place in range(given.shape[1]):
        drawn = draw(prior(tokens[:, :-1], cond)[:, place], u[:, place])
        tokens = tokens.scatter(1, torch.full((len(given), 1), place), torch.where(
            keep[:, place], given[:, place], drawn)[:, None])
    return tokens


class OneTable(nn.Module):
    """One table for classes and codes; how long, and which ids, is told by the subclasses."""

    rows, odds = staticmethod(lambda K, classes: K), staticmethod(lambda K, classes: K)
    class_id = staticmethod(lambda cond, K, classes: cond)
    code_id = staticmethod(lambda tokens, K, classes: tokens)

    def __init__(self, K, classes, width):
        super().__init__()
        self.K, self.number = K, classes
        self.table, self.head = nn.Embedding(self.rows(K, classes), width), nn.Linear(width, self.odds(K, classes))
        nn.init.zeros_(self.head.bias)

    def embed(self, cond, tokens):
        return self.table(self.joined(self.class_id(cond, self.K, self.number),
                                      self.code_id(tokens, self.K, self.number)))

    def joined(self, cond, tokens):
        return torch.cat([cond, tokens], 1)

    def loss(self, h, tokens):
        return F.cross_entropy(self.head(h[:, -tokens.shape[1]:]).flatten(0, 1), tokens.flatten())


class Moved(OneTable):
    """Right: classes stand behind the codes, in a table that is long enough."""

    rows, class_id = staticmethod(lambda K, classes: K + classes), staticmethod(lambda cond, K, classes: cond + K)


class ClassesFirst(OneTable):
    """Right: the codes stand behind the classes."""

    rows = staticmethod(lambda K, classes: K + classes)
    code_id = staticmethod(lambda tokens, K, classes: tokens + classes)


class LongButNotMoved(OneTable):
    rows = staticmethod(lambda K, classes: K + classes)


class MovedTooLittle(OneTable):
    rows, class_id = staticmethod(lambda K, classes: K + classes), staticmethod(lambda cond, K, classes: cond + K - 1)


class MovedInAShortTable(OneTable):
    class_id = staticmethod(lambda cond, K, classes: cond + K)


class OneClass(Moved):
    class_id = staticmethod(lambda cond, K, classes: torch.full_like(cond, K))


class OddsOfClasses(Moved):
    odds = staticmethod(lambda K, classes: K + classes)


class Behind(Moved):
    def joined(self, cond, tokens):
        return torch.cat([tokens, cond], 1)


class PrefixAsked(Moved):
    """The loss asks every place, those of the prefix as well."""

    def loss(self, h, tokens):
        told = tokens[:, :1].expand(-1, h.shape[1] - tokens.shape[1])
        return F.cross_entropy(self.head(h).flatten(0, 1), torch.cat([told, tokens], 1).flatten())


class FirstNotAsked(Moved):
    def loss(self, h, tokens):
        return super().loss(h, tokens[:, 1:])


class Summed(Moved):
    def loss(self, h, tokens):
        return super().loss(h, tokens) * tokens.numel()


class KindAdded(OneTable):
    """Shared rows, and a vector that says that a class is one."""

    def __init__(self, K, classes, width):
        super().__init__(K, classes, width)
        self.kind = nn.Parameter(torch.ones(width))

    def embed(self, cond, tokens):
        return torch.cat([self.table(cond) + self.kind, self.table(tokens)], 1)


class Detached(Moved):
    def embed(self, cond, tokens):
        h = super().embed(cond, tokens)
        return torch.cat([h[:, :cond.shape[1]].detach(), h[:, cond.shape[1]:].detach()], 1)


MUTANTS = [
    Mutant("12.2", "label ids with squared error", loss_side(
        lambda logits, maps: (logits.argmax(1) - maps).double().square().mean()), "label ids are no amounts"),
    Mutant("12.2", "mean label with squared error", loss_side(
        lambda logits, maps: ((logits.softmax(1) * torch.arange(3)[:, None, None]).sum(1) - maps).square().mean()),
        "the label in between"),
    Mutant("12.2", "squared error of channels", loss_side(
        lambda logits, maps: (logits - one_hot(maps, 3)).square().mean()), "a squared error of logits"),
    Mutant("12.2", "squared error of odds", loss_side(
        lambda logits, maps: (logits.softmax(1) - F.one_hot(maps, 3).movedim(-1, 1)).square().mean()),
        "a squared error of odds"),
    Mutant("12.2", "softmax twice", loss_side(lambda logits, maps: F.cross_entropy(logits.softmax(1), maps)),
           "taken twice"),
    Mutant("12.2", "sum over pixels", loss_side(lambda logits, maps: F.cross_entropy(logits, maps, reduction="sum")),
           "adds up"),
    Mutant("12.2", "likelihood for loss", loss_side(lambda logits, maps: -F.cross_entropy(logits, maps)), "sign"),
    Mutant("12.2", "focal loss", loss_side(lambda logits, maps: 0.5 * F.cross_entropy(logits, maps)), "the loss is"),
    Mutant("12.2", "columns first", prefix_side(prefix(order=lambda grid: grid.mT.flatten(1))), "column by column"),
    Mutant("12.2", "bare tokens", prefix_side(prefix(move=lambda words: 0)), "bare numbers"),
    Mutant("12.2", "ids of codes", prefix_side(prefix(move=lambda words: words.first("code"))), "ids of the pictures"),
    Mutant("12.2", "prefix after the tokens", prefix_side(prefix(join=lambda kind, told: torch.cat([told, kind], 1))),
           "stands behind the map"),
    Mutant("12.2", "no kind", prefix_side(prefix(join=lambda kind, told: told)), "kind's id is missing"),
    Mutant("12.2", "another kind", prefix_side(prefix(kind="depth")), "wanted [0,"),
    Mutant("12.2", "ids in one channel", prefix_side(prefix(channels=lambda maps, labels: maps[:, None].float())),
           "a channel for each label"),
    Mutant("12.2", "channels last", prefix_side(prefix(channels=lambda maps, labels: 2 * F.one_hot(maps, labels) - 1)),
           "a channel for each label"),
    Mutant("12.2", "0 and 1", prefix_side(prefix(channels=lambda maps, labels: one_hot(maps, labels).clamp_min(0))),
           "0 and 1"),
    Mutant("12.2", "all maps in one row", prefix_side(prefix(
        order=lambda grid: grid.flatten(), join=lambda kind, told: torch.cat([kind[:1, 0], told])[None])),
        "in one row"),
    Mutant("12.2", "a grid", prefix_side(prefix(order=lambda grid: grid, join=lambda kind, told: told)),
           "rows and columns"),
    Mutant("12.2", "16 bits", prefix_side(lambda maps, net, words: prefix()(maps, net, words).short()), "int16"),
    Mutant("12.2", "the map itself", prefix_side(lambda maps, net, words: maps.flatten(1)), "never asked"),
    Mutant("12.2", "one function", prefix(), "the pair of functions"),
    Mutant("12.3", "given tokens overwritten", loop(keep=lambda keep: keep & False), "overwritten"),
    Mutant("12.3", "pasted in the end", pasted_in_the_end, "has not seen them"),
    Mutant("12.3", "the drawn token handed on", loop(heard=lambda found, kept: found), "has not seen them"),
    Mutant("12.3", "keep turned round", loop(keep=lambda keep: ~keep), "turned round"),
    Mutant("12.3", "one mask for all", loop(keep=lambda keep: keep[:1].expand_as(keep)), "mask is used for all"),
    Mutant("12.3", "first rows only", loop(keep=lambda keep: keep.int().cumprod(1).bool()), "behind a gap"),
    Mutant("12.3", "numbers moved up", loop(number=lambda u, place, used: u[range(len(u)), used.clamp(max=11)]),
           "leaves its number"),
    Mutant("12.3", "one number", loop(number=lambda u, place, used: u[:, 0]), "one number decides"),
    Mutant("12.3", "place off by one", loop(shift=1), "as that of the next place"),
    Mutant("12.3", "no condition", loop(cond=lambda cond: None), "cond is forgotten"),
    Mutant("12.3", "in place", in_place, "in place"),
    Mutant("12.3", "last place forgotten", last_place_forgotten, "given tokens 2 are changed"),
    Mutant("12.3", "temperature 0", likeliest, "the given tokens stay, but"),
    Mutant("12.3", "no return", lambda *parts: None, "is there a return"),
    Mutant("12.4", "as it was", OneTable, "class 0 and code 0 are one vector"),
    Mutant("12.4", "longer, but not moved", LongButNotMoved, "class 0 and code 0 are one vector"),
    Mutant("12.4", "moved by one too little", MovedTooLittle, "class 0 and code 7 are one vector"),
    Mutant("12.4", "moved in a short table", MovedInAShortTable, "IndexError"),
    Mutant("12.4", "one row for all classes", OneClass, "class 0 and class 1 are one vector"),
    Mutant("12.4", "a kind added to shared rows", KindAdded, "share weights"),
    Mutant("12.4", "logits over condition ids", OddsOfClasses, "a class could be drawn"),
    Mutant("12.4", "prefix after the tokens", Behind, "stands behind the tokens"),
    Mutant("12.4", "loss on the prefix", PrefixAsked, "asks the prefix"),
    Mutant("12.4", "first token not asked", FirstNotAsked, "[False, False, True"),
    Mutant("12.4", "sum for mean", Summed, "the mean over tokens"),
    Mutant("12.4", "no gradient", Detached, "does not require grad"),
    Mutant("12.4", "an object", Moved(8, 3, 6), "the class Ends itself"),
    Mutant("12.5", "the selecting judge as the scoring judge", "a", "*because*"),
    Mutant("12.5", "the selector with another seed", "b", "the same selector"),
    Mutant("12.5", "agreement of both", "d", "once more, by the judge"),
    Mutant("12.5", "a word", "judge", "one of the letters"),
]

ALTERNATIVES = [
    Alternative("12.2", "by log odds and by rows", (by_log_odds, by_rows)),
    Alternative("12.3", "without a cache", without_cache),
    Alternative("12.4", "one long table, classes behind", Moved),
    Alternative("12.4", "one long table, classes first", ClassesFirst),
    Alternative("12.5", "a capital", " C"),
]
