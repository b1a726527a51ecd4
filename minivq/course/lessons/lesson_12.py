"""Exercises of lesson 12, conditions: a map as a prefix, given tokens, words that mean one thing, and who may judge."""

import contextlib
import math
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

from minivq.conditioning import KINDS, Vocabulary
from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.datasets import one_hot
from minivq.sampling import draw
from minivq.transformer import Transformer, TransformerConfig


def map_loss(logits, maps):
    """(B, labels, H, W), (B, H, W) -> scalar: what the model of the maps minimises, without its quantiser."""
    return F.cross_entropy(logits, maps)


def map_prefix(maps, net, words):
    """(B, H, W) label ids -> (B, 1 + h·w) int64: as `Conditions.prefix` has it."""
    told = net.encode(one_hot(maps, net.config.channels)).flatten(1) + words.first("map")
    return torch.cat([told.new_full((len(told), 1), KINDS.index("segmentation")), told], 1)


@torch.no_grad()
def complete(prior, given, keep, cond, u, draw, number=lambda u, place, drawn: u[:, place], heard="kept", shift=0):
    """(B, T) tokens, (B, T) bool -> (B, T): as `sampling.sample` does it with `given`.

    The last three are misreadings: which number decides, which token is handed on, and as that of which place.
    """
    tokens, drawn = torch.where(keep, given, 0), torch.zeros(len(u), dtype=torch.int64)
    logits, cache = prior.begin(len(given), cond)
    for place in range(given.shape[1]):
        found = draw(logits, number(u, place, drawn))
        drawn += ~keep[:, place]
        tokens[:, place] = torch.where(keep[:, place], given[:, place], found)
        if place + 1 < given.shape[1]:
            token = tokens[:, place] if heard == "kept" else found
            logits = prior.next(token, min(place + shift, given.shape[1] - 1), cache)
    return tokens


class Ends(nn.Module):
    """What goes into a prior's blocks and what comes out: separate tables, odds of codes alone, of tokens alone."""

    def __init__(self, K, classes, width):
        super().__init__()
        self.codes, self.conditions = nn.Embedding(K, width), nn.Embedding(classes, width)
        self.head = nn.Linear(width, K, bias=False)

    def embed(self, cond, tokens):
        return torch.cat([self.conditions(cond), self.codes(tokens)], 1)

    def loss(self, h, tokens):
        return F.cross_entropy(self.head(h[:, -tokens.shape[1]:]).flatten(0, 1), tokens.flatten())


def check_map(pair):
    """(map_loss, map_prefix): the loss of a few pixels, and the prefix of two maps of 2 x 3 tokens."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(callable(part) for part in pair)):
        return "wanted the pair of functions: (map_loss, map_prefix)"
    return _loss(pair[0]) or _prefix(pair[1])


MAPS = torch.tensor([[[int(c) for c in row] for row in one] for one in
                     (("001122", "001122", "220011", "220011"), ("111100", "111100", "002222", "002222"))])


def _loss(function):
    logits, maps = 2 * torch.randn(2, 3, 4, 6, dtype=torch.float64), MAPS
    got, right = function(logits, maps), map_loss(logits, maps)
    if form := wrong_form(got, right, "the loss"):
        return form
    hot, each = F.one_hot(maps, 3).movedim(-1, 1).double(), F.cross_entropy(logits, maps, reduction="none")
    amounts = ("label ids are no amounts: by a squared error between ids, label 2 is further from 0 than 1 is, and the "
               "answer to a doubt is the label in between")
    squares = "it is a squared error of {}: wanted is the cross-entropy of the labels"
    rows = [
        (amounts, (logits.argmax(1) - maps).double().square().mean()),
        (amounts, ((logits.softmax(1) * torch.arange(3.0)[:, None, None]).sum(1) - maps).square().mean()),
        (squares.format("logits"), (logits - hot).square().mean()),
        (squares.format("logits"), (logits - 2 * hot + 1).square().mean()),
        (squares.format("odds"), (logits.softmax(1) - hot).square().mean()),
        ("the softmax is taken twice: F.cross_entropy wants logits", F.cross_entropy(logits.softmax(1), maps)),
        ("it adds up over all pixels: wanted is the mean", each.sum()),
        ("the sign is turned round: it would make the right label unlikely", -right),
    ]
    said = next((said for said, value in rows if torch.allclose(got, value, rtol=1e-6)), None)
    return said if said or torch.allclose(got, right) else f"the loss is {got:.4f}, wanted {right:.4f}"


class _Net:
    """Stands for a model of label maps, f = 2: keeps what it is given; a token says its label and its row."""

    config = SimpleNamespace(channels=3, K=32, factor=2)

    def encode(self, x):
        self.seen = x
        return 7 * x[:, :, ::2, ::2].argmax(1) + torch.arange(x.shape[-2] // 2)[:, None]            # (B, h, w)


def _prefix(function):
    net, words = _Net(), Vocabulary(32, 20)
    got, right = function(MAPS.clone(), net, words), map_prefix(MAPS, _Net(), words)
    if not hasattr(net, "seen"):
        return "the model of the maps was never asked: its tokens, net.encode(...), are the words"
    if net.seen.ndim != 4 or net.seen.shape[1] != 3:
        return (f"the model of the maps is given {tuple(net.seen.shape)}: wanted a channel for each label, as "
                "`one_hot` makes it. In one channel, labels would be amounts")
    if net.seen.min() != -1:
        return "the model of the maps is given 0 and 1: it has learned from -1 and 1, as minivq's `one_hot` makes them"
    if isinstance(got, torch.Tensor) and got.shape != right.shape:
        hint = {(2, 6): ": the kind's id is missing, by which the prior knows what follows",
                (1, 13): ": all maps stand in one row. Each picture has a prefix of its own",
                (2, 2, 3): ": the tokens still lie in rows and columns"}.get(tuple(got.shape), "")
        return f"the prefix has shape {tuple(got.shape)}, wanted (2, 7){hint}"
    if form := wrong_form(got, right, "the prefix"):
        return form
    kind, plain = right[:, :1], right[:, 1:] - words.first("map")
    turned = plain.unflatten(1, (2, 3)).mT.flatten(1)
    rows = {
        "the map is read column by column: wanted is row by row, as the picture's own tokens":
            torch.cat([kind, turned + words.first("map")], 1),
        'the map\'s tokens are told by bare numbers, the ids of other things: theirs begin at words.first("map")':
            torch.cat([kind, plain], 1),
        'the map\'s tokens are told by ids of the pictures\' codes: theirs begin at words.first("map")':
            torch.cat([kind, plain + words.first("code")], 1),
        "the kind's id stands behind the map: it is to be heard first": torch.cat([right[:, 1:], kind], 1),
    }
    said = next((said for said, value in rows.items() if torch.equal(got, value)), None)
    return said if said or torch.equal(got, right) else f"it begins {got[0].tolist()}, wanted {right[0].tolist()}"


def check_complete(function):
    """Four pictures with four masks: rows above, rows below, columns, single places. In float64."""
    prior = Transformer(TransformerConfig(11, 12, layers=2, heads=2, width=8, cond_values=5, cond_length=2)).double()
    for parameter in prior.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    rows = ("111100000000", "000000001111", "110011001100", "000100100001")
    keep = torch.tensor([[c == "1" for c in row] for row in rows])
    given, cond, u = torch.randint(11, (4, 12)), torch.randint(5, (4, 2)), torch.rand(4, 12)
    right = complete(prior.eval(), given, keep, cond, u, draw)
    got = function(prior, kept := given.clone(), keep.clone(), cond, u, draw)
    if form := wrong_form(got, right, "the completion"):
        return form
    if not torch.equal(given, kept):
        return "it changes the given tokens in place: they are the caller's, fill a tensor of your own"

    def put(keep, cond=cond, **more):
        return complete(prior, given, keep, cond, u, draw, **more)

    found = {
        "the given tokens stand in the result, but what comes behind them has not seen them: hand the kept token to "
        "prior.next, not the drawn one": put(keep, heard="drawn"),
        "the given tokens are overwritten: everything is drawn": put(keep & False),
        "keep is turned round: it says which tokens stay": put(~keep),
        "the first picture's mask is used for all: each has its own": put(keep[:1].expand_as(keep)),
        "only what is given at the beginning stays; behind a gap it is drawn over": put(keep.int().cumprod(1).bool()),
        "a kept place leaves its number to the next drawn one: place i is decided by u[:, i], whatever is given "
        "elsewhere": put(keep, number=lambda u, place, drawn: u[range(len(u)), drawn.clamp(max=11)]),
        "one number decides all places: place i has u[:, i]": put(keep, number=lambda u, *_: u[:, 0]),
        "a token is handed on as that of the next place: prior.next(token, place, cache)": put(keep, shift=1),
        "cond is forgotten: begin with it": put(keep, cond=None),
    }
    said = next((said for said, value in found.items() if torch.equal(got, value)), None)
    if said or torch.equal(got, right):
        return said
    lost = int((got != given)[keep].sum())
    return (f"of {int(keep.sum())} given tokens {lost} are changed: they are to stay as they are" if lost else
            "the given tokens stay, but others are not what the prior and u make of all tokens before them")


def check_ends(Ends):
    """Both ends of a prior of 8 codes and 3 classes: one row a word, classes in front, odds of codes alone."""
    if not isinstance(Ends, type):
        return f"wanted the class Ends itself, not {type(Ends).__name__}"
    ends, cond, tokens = Ends(8, 3, 6), torch.tensor([[2, 1], [0, 2]]), torch.tensor([[5, 0, 7, 1], [3, 3, 6, 2]])
    h = ends.embed(cond, tokens)
    if form := wrong_form(h, torch.zeros(2, 6, 6), "what goes into the blocks"):
        return form
    moved = (ends.embed((cond + 1) % 3, tokens) != h).any(-1).any(0).tolist()
    if moved[-1]:
        return "the prefix stands behind the tokens: all look back alone, so none would see it. It belongs in front"
    return _rows(ends) or _odds(ends, tokens)


def _rows(ends):
    """Whether each word has a vector, and weights, of its own."""
    zero, vectors, touched = torch.tensor([[0]]), {}, {}
    for name in [f"class {i}" for i in range(3)] + [f"code {j}" for j in range(8)]:
        id, is_code = torch.tensor([[int(name[-1])]]), name.startswith("code")
        vectors[name] = vector = ends.embed(zero, id)[0, 1] if is_code else ends.embed(id, zero)[0, 0]
        if other := next((word for word in vectors if word != name and torch.equal(vectors[word], vector)), None):
            return f"{other} and {name} are one vector: nobody could tell which was said. Each needs a row of its own"
        gradients = torch.autograd.grad(vector.sum(), list(ends.parameters()), allow_unused=True)
        touched[name] = torch.cat([torch.zeros(p.numel(), dtype=torch.bool) if g is None else g.flatten() != 0
                                   for g, p in zip(gradients, ends.parameters(), strict=True)])
        other = next((word for word in vectors if word < "code" < name and (touched[word] & touched[name]).any()), None)
        if other:
            return f"{other} and {name} differ, but share weights: what the one learns, the other has to unlearn"
    return None


def _odds(ends, tokens):
    """Whether the loss asks the tokens, all of them and nothing else, about codes, and nothing else."""
    flat = ends.loss(torch.zeros(2, 5, 6), tokens)
    if form := wrong_form(flat, torch.zeros(()), "the loss"):
        return form
    if abs(flat.item() - math.log(11)) < 1e-4:
        return "the odds are over 11 words, classes among them: a class could be drawn. The head is over the K codes"
    if abs(flat.item() - math.log(8)) > 1e-4:
        return f"knowing nothing, it pays {flat.item():.4f}, wanted ln 8 = {math.log(8):.4f}, the mean over tokens"
    h = torch.randn(2, 5, 6, requires_grad=True)
    with contextlib.suppress(RuntimeError):
        ends.loss(h, tokens).backward()
    asked = None if h.grad is None else h.grad.abs().sum(-1).gt(0).any(0).tolist()
    if asked and asked[0]:
        return "the loss asks the prefix, too: what is told is never drawn. Ask the last places, one for each token"
    return None if asked == [False] + [True] * 4 else f"of the places of [prefix | tokens] the loss asks {asked}"


JUDGES = {
    "a": "the selector chose these faces *because* its odds are high: they are high whatever the faces are like",
    "b": "other faces, and the same selector: what it overrates it chooses, and praises, once more",
    "d": "keeping those that both agree about is choosing once more, by the judge as well: then nobody is left to ask",
}


def check_judge(answer):
    """The letter of the one who may judge."""
    key = answer.strip().lower() if isinstance(answer, str) else answer
    return None if key == "c" else JUDGES.get(key, 'wanted one of the letters "a", "b", "c", "d"')


EXERCISES = (
    Exercise(
        "12.1", "predict", "The prefixes are shuffled", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("rubble: prefix and picture no longer belong together", None,
                        "There is no picture yet that the prefix could fail to belong to. It is drawn after it, and to "
                        "the model one prefix is as good as another."),
            "b": Option("good faces, each of the class that it was told after the shuffle", None,
                        "The random numbers know of no class: all that is known of it stands in front.", right=True),
            "c": Option("the same faces as before: the random numbers are the same", None,
                        "A random number picks a code by the odds, and the prefix has changed the odds."),
            "d": Option("something in between: half the old class, half the new one", None,
                        "Of the old class nothing is left. It stood in the prefix, and nowhere else."),
        }),
    Exercise(
        "12.2", "complete", "A map becomes a prefix", difficulty=2, minutes=12, points=4,
        check=check_map, package=lambda: (map_loss, map_prefix),
        hints=("The loss is that of lesson 09, with labels for codes; they stand at dimension 1. The prefix has three "
               "steps: channels, tokens, ids.",
               "one_hot(maps, net.config.channels), then net.encode: (B, h, w). How does flatten(1) read it?",
               'net.encode(...).flatten(1) + words.first("map"), and in front of it a column of '
               'KINDS.index("segmentation").')),
    Exercise(
        "12.3", "complete", "Go on with what is given", difficulty=2, minutes=12, points=4,
        check=check_complete, package=lambda: complete,
        hints=("It is the loop of lesson 11 with one more line: after drawing, decide whose token stands here.",
               "torch.where, picture by picture. And which token does prior.next have to hear of?",
               "tokens[:, place] = torch.where(keep[:, place], given[:, place], drawn), then "
               "prior.next(tokens[:, place], place, cache).")),
    Exercise(
        "12.4", "debug", "One row, two meanings", difficulty=2, minutes=8, points=3,
        check=check_ends, package=lambda: Ends,
        hints=("Class 3 and code 3 are both looked up in row 3. What could the blocks tell them apart by?",
               "Either a second nn.Embedding for the classes, or a longer table and classes moved past the codes.",
               "self.conditions = nn.Embedding(classes, width), and torch.cat([self.conditions(cond), "
               "self.table(tokens)], 1).")),
    Exercise(
        "12.5", "explore", "Many drawn, few kept", difficulty=2, minutes=15, points=3, check=check_judge,
        hints=("Who has looked at these faces before they were kept?",
               "A net that chose by a score has used that score up, on any faces that it chooses in the same way.",
               "Lesson 08: the judge trained nobody and chose nobody.")),
)
