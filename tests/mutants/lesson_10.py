"""Lesson 10, transformer: misconceptions and other right answers."""

import math

import torch
import torch.nn.functional as F

from tests.mutants import Alternative, Mutant


def looking(shares=lambda scores: scores.softmax(-1), size=lambda q, k, v: math.sqrt(q.shape[-1]), found=None):
    """attend with one thing wrong."""
    def attend(q, k, v):
        weights = shares(q @ k.transpose(-2, -1) / size(q, k, v))
        return weights @ v if found is None else found(weights, v), weights
    return attend


def by_einsum(q, k, v):
    weights = torch.einsum("btc,bsc->bts", q, k).div(q.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("bts,bsd->btd", weights, v), weights


def by_dots(q, k, v):
    """The same for any number of dimensions."""
    weights = torch.einsum("...tc,...sc->...ts", q / q.shape[-1] ** 0.5, k).softmax(-1)
    return torch.einsum("...ts,...sd->...td", weights, v), weights


def exponentials(q, k, v):
    e = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).exp()
    weights = e / e.sum(-1, keepdim=True)
    return weights @ v, weights


def fused(q, k, v):
    """Found by torch's own function, the weights by hand."""
    return F.scaled_dot_product_attention(q, k, v), looking()(q, k, v)[1]


def who_is_asked(q, k, v):
    """The places that are asked stand in the rows."""
    weights = (k @ q.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
    return weights.transpose(-2, -1) @ v, weights


def grid(t, rule):
    return rule(torch.ones(t, t, dtype=torch.bool))


def before(rule=lambda ones: ones.tril(), hidden=-torch.inf, behind=None, scale=0.5, found=None):
    """causal with one thing wrong; behind: what is done with the weights instead of masking the scores."""
    def causal(q, k, v):
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** scale
        full = scores.softmax(-1)
        if behind is None:
            weights = scores.masked_fill(~grid(q.shape[-2], rule), hidden).softmax(-1)
        else:
            weights = behind(full)
        return (weights if found is None else full) @ v, weights
    return causal


def zeros_in_the_first_row(q, k, v):
    """The diagonal masked, and the nan of the first row swept away."""
    weights = before(lambda ones: ones.tril(-1))(q, k, v)[1].nan_to_num(0.0)
    return weights @ v, weights


def added(q, k, v):
    """A mask that is added to the scores."""
    t = q.shape[-2]
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 + torch.full((t, t), -torch.inf, dtype=q.dtype).triu(1)
    weights = scores.softmax(-1)
    return weights @ v, weights


def divided_again(q, k, v):
    """Masked behind the softmax, and divided by what is left: the same weights."""
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1).tril()
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, weights


def row(said=lambda tokens, codes, positions: codes[tokens] + positions[:tokens.shape[1]],
        first=lambda start, codes, positions: start, join=lambda first, said: [first, said]):
    """sequence with one thing wrong."""
    def sequence(tokens, codes, positions, start):
        begin = first(start, codes, positions).expand(len(tokens), 1, -1)
        return torch.cat(join(begin, said(tokens, codes, positions)), 1)
    return sequence


def written(tokens, codes, positions, start):
    """Into an empty tensor; embedding instead of an index."""
    B, t = tokens.shape
    out = start.new_empty(B, t + 1, codes.shape[1])
    out[:, 0], out[:, 1:] = start[0], F.embedding(tokens, codes) + positions[None, :t]
    return out


def without_last(tokens, codes, positions, start):
    return row()(tokens, codes, positions, start)[:, :-1]


def at_least_one(tokens, codes, positions, start):
    """A start that looks at the first token for its size."""
    return torch.cat([start.expand_as(codes[tokens[:, :1]]), codes[tokens] + positions[:tokens.shape[1]]], 1)


def split_channels(part, B, t, heads):
    return part.reshape(B, t, heads, -1).transpose(1, 2)


def split_places(part, B, t, heads):
    return part.reshape(B, heads, t, -1)


def split_every_second(part, B, t, heads):
    return part.reshape(B, t, -1, heads).permute(0, 3, 1, 2)


def heads_of(split=split_channels, merge=lambda found: found.transpose(1, 2).flatten(2), look=divided_again):
    """several_heads with one thing wrong."""
    def several_heads(q, k, v, heads):
        B, t, width = q.shape
        found, weights = look(*(split(part, B, t, heads) for part in (q, k, v)))
        return merge(found), weights
    return several_heads


def merge_by_size(found):
    B, heads, t, d = found.shape
    return found.reshape(B, t, heads * d)


def over_the_heads(q, k, v, heads):
    """The heads of one place look at each other."""
    found, weights = before()(*(part.reshape(*part.shape[:2], heads, -1) for part in (q, k, v)))
    return found.flatten(2), weights


def one_by_one(q, k, v, heads):
    """A loop over the heads."""
    parts = [before()(*three) for three in zip(*(part.chunk(heads, -1) for part in (q, k, v)), strict=True)]
    return torch.cat([found for found, _ in parts], -1), torch.stack([weights for _, weights in parts], 1)


def look_wide(q, k, v):
    """Divided by the root of the whole width, for two heads."""
    return before()(q / 2**0.5, k, v)


def lesson(coin=lambda tokens: torch.rand(tokens.shape), new=lambda tokens, K: torch.randint(K, tokens.shape),
           keep=lambda coin, pkeep: coin < pkeep, seen=lambda tokens: tokens[:, :-1], said=lambda clean, mixed: clean):
    """task with one thing wrong."""
    def task(tokens, K, pkeep):
        mixed = torch.where(keep(coin(tokens), pkeep), tokens, new(tokens, K))
        return seen(mixed), said(tokens, mixed)
    return task


def in_place(tokens, K, pkeep):
    wrong = torch.rand(tokens.shape) >= pkeep
    tokens[wrong] = torch.randint(K, (int(wrong.sum()),))
    return tokens[:, :-1], tokens.clone()


def in_place_with_clean_targets(tokens, K, pkeep):
    clean, wrong = tokens.clone(), torch.rand(tokens.shape) >= pkeep
    tokens[wrong] = torch.randint(K, (int(wrong.sum()),))
    return tokens[:, :-1], clean


def shortened_first(tokens, K, pkeep):
    """Cut first, a copy with wrong tokens written into it."""
    seen = tokens[:, :-1].clone()
    wrong = torch.rand_like(seen, dtype=torch.float32) > pkeep
    seen[wrong] = torch.randint_like(seen, K)[wrong]
    return seen, tokens


def other_sentences(tokens, K):
    return tokens[torch.randperm(len(tokens))]


def cut_off(q, k, v):
    weights = before()(q, k, v)[1]
    return weights.detach() @ v, weights


def never_nought(tokens, K, pkeep):
    wrong = torch.randint(1, K, tokens.shape)
    return torch.where(torch.rand(tokens.shape) < pkeep, tokens, wrong)[:, :-1], tokens


MUTANTS = [
    Mutant("10.5", "code 0 left out", never_nought, "code 0 is never drawn"),
    Mutant("10.2", "softmax over the queries", looking(lambda s: s.softmax(-2)), "over those who ask"),
    Mutant("10.2", "no 1/sqrt(c)", looking(size=lambda q, k, v: 1.0), "1/√c is missing"),
    Mutant("10.2", "1/c", looking(size=lambda q, k, v: q.shape[-1]), "by c, not by its root"),
    Mutant("10.2", "the width of v", looking(size=lambda q, k, v: v.shape[-1] ** 0.5), "root of the width of v"),
    Mutant("10.2", "no softmax", looking(lambda s: s), "the scores themselves"),
    Mutant("10.2", "sigmoid", looking(lambda s: s.sigmoid()), "nobody competes"),
    Mutant("10.2", "weights cut off from the gradient", looking(found=lambda weights, v: weights.detach() @ v),
           "no gradient reaches q, k"),
    Mutant("10.2", "no exponential", looking(lambda s: s / s.sum(-1, keepdim=True)), "divided by their sum"),
    Mutant("10.2", "keys ask", who_is_asked, "first q, then k"),
    Mutant("10.2", "only what was found", lambda q, k, v: looking()(q, k, v)[0], "wanted two results"),
    Mutant("10.2", "mean of the values", looking(found=lambda w, v: v.mean(-2, True).expand(*w.shape[:-1], -1)),
           "what was found: one row"),
    Mutant("10.2", "three dimensions only", by_einsum, "three dimensions only"),
    Mutant("10.2", "exponentials of large scores", exponentials, "nan where scores are large"),
    Mutant("10.2", "no gradient", torch.no_grad()(looking()), "no gradient"),
    Mutant("10.3", "no mask", (before(lambda ones: ones), row()), "nothing is masked"),
    Mutant("10.3", "mask after the softmax", (before(behind=lambda full: full.tril()), row()), "after the softmax"),
    Mutant("10.3", "diagonal masked", (before(lambda ones: ones.tril(-1)), row()), "does not see itself"),
    Mutant("10.3", "diagonal masked, nan swept away", (zeros_in_the_first_row, row()), "does not see itself"),
    Mutant("10.3", "turned round", (before(lambda ones: ones.triu()), row()), "turned round"),
    Mutant("10.3", "off by one", (before(lambda ones: ones.tril(1)), row()), "off by one"),
    Mutant("10.3", "0 for minus infinity", (before(hidden=0.0), row()), "exp(0) = 1"),
    Mutant("10.3", "no 1/sqrt(c) with the mask", (before(scale=0), row()), "1/√c is missing"),
    Mutant("10.3", "found without the mask", (before(found="all"), row()), "the mean by all of them"),
    Mutant("10.3", "weights cut off from the gradient", (cut_off, row()), "no gradient reaches q, k"),
    Mutant("10.3", "one function", (before(),), "the pair of functions"),
    Mutant("10.3", "no positions", (before(), row(lambda tokens, codes, positions: codes[tokens])), "no positions"),
    Mutant("10.3", "positions from the start on",
           (before(), row(lambda tokens, codes, positions: codes[tokens] + positions[1:tokens.shape[1] + 1],
                          lambda start, codes, positions: start + positions[:1])), "begin at the start vector"),
    Mutant("10.3", "positions one too far",
           (before(), row(lambda tokens, codes, positions: codes[tokens] + positions[1:tokens.shape[1] + 1])),
           "get positions[1]"),
    Mutant("10.3", "start, classes and codes in one table", (before(), row(first=lambda start, codes, p: codes[:1])),
           "code 0 means two things"),
    Mutant("10.3", "start at the end", (before(), row(join=lambda first, said: [said, first])), "at the end"),
    Mutant("10.3", "positions along the batch",
           (before(), row(lambda tokens, codes, positions: codes[tokens] + positions[:len(tokens), None])),
           "not with the places"),
    Mutant("10.3", "last token dropped", (before(), without_last), "as many places as tokens"),
    Mutant("10.3", "start without gradient", (before(), row(first=lambda start, codes, p: start.detach())),
           "no gradient reaches start"),
    Mutant("10.3", "needs a token", (before(), at_least_one), "with no token at all"),
    Mutant("10.4", "merged head after head", heads_of(merge=merge_by_size), "it leaks: the first place holds"),
    Mutant("10.4", "places for channels, both ways", heads_of(split_places, merge_by_size), "a stretch of the places"),
    Mutant("10.4", "places for channels, split only", heads_of(split_places), "merged as it should be"),
    Mutant("10.4", "every second channel",
           heads_of(split_every_second, lambda found: found.permute(0, 2, 3, 1).flatten(2)), "every second channel"),
    Mutant("10.4", "root of the whole width", heads_of(look=look_wide), "root of the whole width"),
    Mutant("10.4", "not masked", heads_of(look=looking()), "nothing is masked any more"),
    Mutant("10.4", "heads look at each other", over_the_heads, "weights has shape"),
    Mutant("10.4", "only what was found", lambda *parts: heads_of()(*parts)[0], "wanted two results"),
    Mutant("10.5", "no shift", lesson(seen=lambda tokens: tokens), "sees all T tokens"),
    Mutant("10.5", "shifted the other way", lesson(seen=lambda tokens: tokens[:, 1:]), "from the second on"),
    Mutant("10.5", "the first token not asked for", lesson(said=lambda clean, mixed: clean[:, 1:]), "not asked for"),
    Mutant("10.5", "loss on the prefix", lesson(said=lambda clean, mixed: F.pad(clean, (1, 0))), "it is a prefix"),
    Mutant("10.5", "pkeep on the targets", lesson(said=lambda clean, mixed: mixed), "it would learn noise"),
    Mutant("10.5", "keep and replace exchanged", lesson(keep=lambda coin, pkeep: coin >= pkeep), "with pkeep=1"),
    Mutant("10.5", "a share of half always", lesson(keep=lambda coin, pkeep: (coin < 0.5) | (pkeep == 1)), "stays"),
    Mutant("10.5", "one coin for a sentence", lesson(lambda tokens: torch.rand(len(tokens), 1)), "a whole sentence"),
    Mutant("10.5", "one coin for a place", lesson(lambda tokens: torch.rand(1, tokens.shape[1])), "in all sentences"),
    Mutant("10.5", "zeros", lesson(new=lambda tokens, K: torch.zeros_like(tokens)), "all wrong tokens are 0"),
    Mutant("10.5", "the last code never", lesson(new=lambda tokens, K: torch.randint(K - 1, tokens.shape)),
           "does not include its upper end"),
    Mutant("10.5", "beyond K", lesson(new=lambda tokens, K: torch.randint(2 * K, tokens.shape)), "wanted codes"),
    Mutant("10.5", "from other sentences", lesson(new=other_sentences), "from the sentences themselves"),
    Mutant("10.5", "in place", in_place, "it writes into tokens"),
    Mutant("10.5", "in place with clean targets", in_place_with_clean_targets, "it writes into tokens"),
]

ALTERNATIVES = [
    Alternative("10.2", "by einsum with dots", by_dots),
    Alternative("10.2", "fused", fused),
    Alternative("10.3", "a mask that is added", (added, written)),
    Alternative("10.3", "masked behind the softmax and divided again", (divided_again, row())),
    Alternative("10.4", "a loop over the heads", one_by_one),
    Alternative("10.5", "written into a copy", shortened_first),
]
