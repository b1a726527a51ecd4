"""Exercises of lesson 10, transformer: whom a place listens to, what it must not hear, and what it learns from."""

import math

import torch
import torch.nn.functional as F

from minivq.course.exercises import Exercise, Option, no_gradient, wrong_form


def attend(q, k, v):
    """(..., t, c), (..., s, c), (..., s, d) -> found (..., t, d), weights (..., t, s)"""
    weights = scores(q, k).softmax(-1)
    return weights @ v, weights


def causal(q, k, v):
    """(..., t, c), (..., t, c), (..., t, d) -> found (..., t, d), weights (..., t, t): at itself and before alone"""
    weights = allowed(scores(q, k), lambda grid: grid.tril())
    return weights @ v, weights


def sequence(tokens, codes, positions, start):
    """tokens (B, t), codes (K, width), positions (T, width), start (1, width) -> (B, t + 1, width)"""
    said = F.embedding(tokens, codes) + positions[:tokens.shape[1]]
    return torch.cat([start.expand(len(said), 1, -1), said], 1)


def several_heads(q, k, v, heads):
    """(B, t, width) three times -> found (B, t, width), weights (B, heads, t, t)"""
    q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    found, weights = causal(q, k, v)
    return found.transpose(1, 2).flatten(2), weights


def task(tokens, K, pkeep):
    """tokens (B, T) -> what the prior sees (B, T - 1), what it has to say (B, T)"""
    seen = torch.where(torch.rand(tokens.shape, device=tokens.device) < pkeep, tokens, torch.randint_like(tokens, K))
    return seen[:, :-1], tokens


def scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


def allowed(scores, rule):
    """Scores (..., t, t) -> weights where rule(all True) allows."""
    grid = rule(torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device))
    return scores.masked_fill(~grid, -torch.inf).softmax(-1)


def wrong_value(got, right, name, rows):
    """None, or what is wrong with a tensor: its form, the row {message: value} that it equals, or any other value."""
    form = wrong_form(got, right, name)
    if form or torch.allclose(got, right, rtol=1e-8, atol=1e-10):
        return form
    for message, value in rows.items():
        if value.shape == got.shape and torch.allclose(got, value, rtol=1e-8, atol=1e-10):
            return message
    place = (got - right).abs().flatten(0, -2).amax(-1).argmax()            # the row that is furthest off
    mine, theirs = (part.flatten(0, -2)[place].tolist()[:4] for part in (got, right))
    return f"{name}: one row begins {[round(v, 3) for v in mine]}, wanted {[round(v, 3) for v in theirs]}"


def two_results(got, names):
    return None if isinstance(got, tuple | list) and len(got) == 2 else f"wanted two results: {names}"


def check_attend(function):
    """Weights and what is found by them, of five places that ask seven; with more dimensions; of large scores."""
    q, k, v = (torch.randn(2, places, c, dtype=torch.float64) for places, c in ((5, 4), (7, 4), (7, 3)))
    got, right, raw = function(q, k, v), attend(q, k, v), q @ k.transpose(1, 2)
    message = two_results(got, "what was found, and the weights")
    if not message and isinstance(got[1], torch.Tensor) and got[1].shape == (2, 7, 5):
        message = "the weights have shape (2, 7, 5): each row is to belong to a place that asks, so first q, then k"
    message = message or wrong_value(got[1], right[1], "the table of weights", {
        "the softmax runs over those who ask: each column sums to 1. A place that asks shares out one whole attention, "
        "so each row has to": (raw / 2).softmax(1),
        "the 1/√c is missing: the more channels, the larger the products, and softmax becomes a hard choice":
            raw.softmax(2),
        "it divides by c, not by its root": (raw / 4).softmax(2),
        "it divides by the root of the width of v: the products have as many terms as q and k have channels":
            (raw / math.sqrt(3)).softmax(2),
        "these are the scores themselves: softmax makes shares of them": raw / 2,
        "each score is squashed by itself, the rows do not sum to 1: nobody competes with anybody":
            (raw / 2).sigmoid(),
        "the scores are divided by their sum: take their exponentials first, or a score below 0 becomes a negative "
        "share": raw / raw.sum(2, keepdim=True)})
    message = message or wrong_value(got[0], right[0], "what was found", {})
    if message:
        return message
    four = [torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    try:
        found = function(*four)[0]
    except (RuntimeError, ValueError, IndexError):
        return "it works for three dimensions only. Heads will stand before the places: (B, heads, t, c)"
    if found.shape != four[0].shape or not torch.allclose(found, attend(*four)[0], atol=1e-10):
        return "with (B, heads, t, c) it mixes what does not belong together: only the last two dimensions are touched"
    if message := no_gradient(found, q=four[0], k=four[1], v=four[2]):
        return message
    if not all(part.isfinite().all() for part in function(1e4 * q, k, v)):
        return "nan where scores are large: the exponential of a thousand is infinite. softmax takes care of that"
    return None


def check_causal(pair):
    """(causal, sequence): who may look where; start, codes and positions in a row."""
    if isinstance(pair, tuple) and len(pair) == 2 and all(callable(part) for part in pair):
        return _causal(pair[0]) or _sequence(pair[1])
    return "wanted the pair of functions: (causal, sequence)"


def _causal(function):
    q, k, v = (torch.randn(2, 3, 5, c, dtype=torch.float64, requires_grad=True) for c in (4, 4, 6))
    got, right, s = function(q, k, v), causal(q, k, v), scores(q, k)
    if two_results(got, ""):
        return two_results(got, "what was found, and the weights")
    found, weights = got
    if isinstance(weights, torch.Tensor) and weights.shape == s.shape and torch.allclose(
            weights[..., 1:, :], allowed(s, lambda grid: grid.tril(-1))[..., 1:, :]):
        return ("a place does not see itself: the diagonal is masked, and the first place has nobody to look at. Its "
                "own place holds the token before the one that is asked for, so it may look there")
    full = s.softmax(-1)
    return wrong_value(weights, right[1], "the table of weights", {
        "nothing is masked: every place sees all that comes later": full,
        "the mask comes after the softmax: later places get no weight, but have taken their share, and the rows no "
        "longer sum to 1. Mask the scores": full.tril(),
        "it is turned round: a place sees itself and what comes later": allowed(s, lambda grid: grid.triu()),
        "off by one: each place sees the one after it, the very token that it has to say":
            allowed(s, lambda grid: grid.tril(1)),
        "masked scores are set to 0, and exp(0) = 1 is a good share. Set them to minus infinity": s.tril().softmax(-1),
        "the 1/√c is missing": allowed(2 * s, lambda grid: grid.tril())}) or wrong_value(
            found, right[0], "what was found", {
                "the weights that come back are masked, but what was found is the mean by all of them":
                    full @ v}) or no_gradient(found, q=q, k=k, v=v)


def _sequence(function):
    tokens = torch.tensor([[3, 0, 5, 1], [2, 4, 4, 0]])
    codes, positions, start = (torch.randn(n, 8, dtype=torch.float64, requires_grad=True) for n in (6, 7, 1))
    got, right = function(tokens, codes, positions, start), sequence(tokens, codes, positions, start)
    said, first, places = codes[tokens], start.expand(2, 1, -1), positions[:4]
    if isinstance(got, torch.Tensor) and got.shape == said.shape:
        return ("there are as many places as tokens: with the start vector in front of all t tokens there are t + 1, "
                "and the last one speaks of the token to come")
    message = wrong_value(got, right, "the sequence", {name: torch.cat(parts, 1) for name, parts in {
        "there are no positions: attention does not know where a token stands": [first, said],
        "the positions begin at the start vector: the first token is to get positions[0], the start has none":
            [first + positions[0], said + positions[1:5]],
        "the tokens get positions[1] and on: the first one is at positions[0]": [first, said + positions[1:5]],
        "the start is row 0 of the table of codes: then code 0 means two things. It has a vector of its own":
            [codes[:1].expand(2, 1, -1), said + places],
        "the start stands at the end: there it could be seen by nobody": [said + places, first],
        "positions go with the pictures of the batch, not with the places": [first, said + positions[:2, None]],
    }.items()})
    if message:
        return message
    if message := no_gradient(got, codes=codes, positions=positions, start=start):
        return message
    if function(tokens[:, :0], codes, positions, start).shape != (2, 1, 8):
        return "with no token at all the start vector alone is to be left: from it the first token is drawn"
    return None


def check_heads(function):
    """Several heads of one attention: nothing leaks, and each head has its own channels."""
    q, k, v = (torch.randn(2, 6, 8, dtype=torch.float64) for _ in range(3))
    got, right = function(q, k, v, 2), several_heads(q, k, v, 2)
    split = [part.view(2, 6, 2, 4).transpose(1, 2) for part in (q, k, v)]
    chopped = [part.view(2, 2, 6, 4) for part in (q, k, v)]
    others = causal(*(part.view(2, 6, 4, 2).permute(0, 3, 1, 2) for part in (q, k, v)))[0]
    wide = allowed(scores(*split[:2]) / math.sqrt(2), lambda grid: grid.tril()) @ split[2]
    return two_results(got, "what was found, and the weights of each head") or wrong_form(
        got[1], right[1], "the table of weights") or wrong_value(got[0], right[0], "what was found", {
            "it leaks: the first place holds what the second one has found. The mask is right, so what becomes of the "
            "result that `causal` gives?": causal(*split)[0].reshape(2, 6, 8),
            "it does not leak, but a head gets a stretch of the places instead of a part of the channels: split the "
            "channels, (B, t, heads, d), and turn then": causal(*chopped)[0].reshape(2, 6, 8),
            "it is merged as it should be, but split as if places were channels: (B, t, heads, d), and turn then":
                causal(*chopped)[0].transpose(1, 2).flatten(2),
            "each head gets every second channel: wanted are the first d for the first head, the next d for the second":
                others.permute(0, 2, 3, 1).flatten(2),
            "the scores are divided by the root of the whole width: a head's products have width / heads terms":
                wide.transpose(1, 2).flatten(2),
            "there is one head for all the channels": causal(q, k, v)[0],
            "nothing is masked any more, it leaks": attend(*split)[0].transpose(1, 2).flatten(2)})


def check_task(function):
    """What the prior sees and what it has to say: the shift, and a share of wrong tokens."""
    tokens, K = torch.randint(10, (64, 40)), 50
    kept, got = tokens.clone(), function(tokens, K, 1.0)
    if two_results(got, ""):
        return two_results(got, "what the prior sees, and what it has to say")
    seen, said = got
    if isinstance(said, torch.Tensor) and said.shape == (64, 41):
        return "something has to be said of the start: it is a prefix, and the loss is on tokens alone"
    if isinstance(said, torch.Tensor) and torch.equal(said, tokens[:, 1:]):
        return "the first token is not asked for: the start vector answers for it, so all T tokens have to be said"
    if isinstance(seen, torch.Tensor) and seen.shape == tokens.shape:
        return "it sees all T tokens: behind the last one nothing is asked, and there would be T + 1 logits"
    message = wrong_form(said, tokens, "what it has to say") or wrong_form(seen, tokens[:, 1:], "what it sees")
    if not message and torch.equal(seen, tokens[:, 1:]):
        message = "it sees the tokens from the second on: each is seen in the very place where it is to be said"
    if message:
        return message
    if not torch.equal(seen, kept[:, :-1]) or not torch.equal(said, kept):
        return "with pkeep=1 nothing is changed: it sees all tokens but the last, and has to say all of them"
    return _wrong_tokens(*function(tokens, K, 0.75), tokens, kept, K)


def _wrong_tokens(seen, said, tokens, kept, K):
    if not torch.equal(tokens, kept):
        return "it writes into tokens: the next epoch would learn from what this one has spoiled"
    if not torch.equal(said, tokens):
        return "what it has to say is changed, too: it would learn noise. Wrong tokens are seen, right ones asked for"
    same = seen == tokens[:, :-1]                                           # by chance a wrong one is right: 1 of 50
    share, new = same.double().mean().item(), seen[~same]
    for along, what in ((1, "a whole sentence"), (0, "a place in all sentences")):
        if 0.3 < share < 1 and ((same.double().mean(along) - 0.5).abs() > 0.4).all():
            return f"one coin decides for {what}: draw one for each token"
    if not 0.7 < share < 0.81:
        return f"with pkeep=0.75 a share of {share:.2f} stays: " + (
            "keeping and replacing are exchanged" if 0.2 < share < 0.35 else "pkeep is the share that stays")
    if new.min() < 0 or new.max() >= K:
        return f"wrong tokens reach from {new.min()} to {new.max()}: wanted codes, 0 to {K - 1}"
    if new.unique().numel() == 1:
        return f"all wrong tokens are {new[0]}: that is a code like any other, and the prior would learn to distrust it"
    if new.max() < 10:
        return "wrong tokens come from the sentences themselves: wanted is any of the K codes, each as likely"
    if new.min() > 0:
        return "code 0 is never drawn: any of the K codes is to be as likely"
    return f"code {K - 1} is never drawn: randint does not include its upper end" if new.max() < K - 1 else None


EXERCISES = (
    Exercise(
        "10.1", "predict", "Which three tokens?", difficulty=1, minutes=4, points=1,
        options={
            "a": Option("the first three of the picture: all else rests on what is decided there", None,
                        "They are a piece of wall. They tell of the light, and no eye is read off a wall."),
            "b": Option("the three above it, in its own column: lid and brow, forehead, hair", None,
                        "The nearest of them counts. None counts as much as the first eye does."),
            "c": Option("the last three: the first eye, the temple, the hair or ear beside it", None,
                        "Eyes come in pairs, and what is near shares light, skin and glasses.", right=True),
            "d": Option("no three: all that came before counts about equally, for a face hangs together", None,
                        "It could look everywhere at the same price. Most places tell nothing about an eye that nearer "
                        "ones do not tell better."),
        }),
    Exercise(
        "10.2", "complete", "Ask, compare, listen", difficulty=1, minutes=10, points=3,
        check=check_attend, package=lambda: attend,
        hints=("Three steps: the score of every asking place with every other, shares out of scores, the mean of the "
               "values by these shares.",
               "q @ k.transpose(-2, -1) has a row for each place that asks. Divide by √c; softmax runs along rows.",
               "weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1), and then weights @ v, weights")),
    Exercise(
        "10.3", "complete", "Only what came before", difficulty=2, minutes=14, points=4,
        check=check_causal, package=lambda: (causal, sequence),
        hints=("What must not be seen gets the score minus infinity, before the softmax: exp(-inf) = 0. In the "
               "sequence the start vector comes first, for every picture of the batch.",
               "torch.ones(t, t, dtype=torch.bool).triu(1) is True above the diagonal: those come later. start.expand("
               "B, 1, -1) is the start for B pictures.",
               "scores.masked_fill(later, -torch.inf).softmax(-1); torch.cat([start.expand(B, 1, -1), codes[tokens] + "
               "positions[:t]], 1)")),
    Exercise(
        "10.4", "debug", "Find the leak", difficulty=2, minutes=12, points=3,
        check=check_heads, package=lambda: several_heads,
        hints=("The mask in `causal` is right. So what happens to its result?",
               "Write down the shape behind each line. In what order do the numbers of `found` lie, and what does "
               "reshape(B, t, width) take them for?",
               "found.transpose(1, 2) first, then reshape(B, t, width).")),
    Exercise(
        "10.5", "explore", "Five hundred faces", difficulty=2, minutes=20, points=4,
        check=check_task, package=lambda: task,
        hints=("Two results: all tokens but the last, some of them replaced; and all tokens as they are.",
               "torch.rand(tokens.shape) < pkeep says which stay, torch.randint(K, tokens.shape) has a code for each "
               "of the others, torch.where chooses.",
               "seen = torch.where(stays, tokens, torch.randint(K, tokens.shape)), and then seen[:, :-1], tokens")),
)
