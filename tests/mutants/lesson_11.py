"""Lesson 11, sampling: misconceptions and other right answers."""

import torch
import torch.nn.functional as F

from tests.mutants import Alternative, Mutant


def odds(scale=lambda logits, T: logits / T, cut_k=None, cut_p=None, zero=True, first=None):
    """probabilities with one thing wrong."""
    def probabilities(logits, config):
        if config.temperature == 0 and zero:
            return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
        found = scale(logits, config.temperature)
        k, p = config.top_k, config.top_p
        found = (cut_k or top_k)(found, k) if k is not None else found.softmax(-1)
        return (cut_p or top_p)(found, p, k) if p is not None else found
    return probabilities


def top_k(logits, k, largest=True):
    k = min(k, logits.shape[-1])
    least = logits.topk(k, -1, largest).values[:, -1:]
    return logits.masked_fill(logits < least if largest else logits > least, -torch.inf).softmax(-1)


def top_p(odds, p, k=None, keep=lambda falling, p: falling.cumsum(-1) - falling < p, back=True, even=True):
    falling, order = odds.sort(-1, descending=True)
    stays = keep(falling, p)
    if back:
        stays = torch.zeros_like(stays).scatter(-1, order, stays)
    odds = torch.where(stays, odds, 0.0)
    return odds / odds.sum(-1, keepdim=True) if even else odds


def part_p(**wrong):
    """top-p with one thing wrong."""
    return odds(cut_p=lambda odds, p, k: top_p(odds, p, k, **wrong))


def zeros_for_cut(odds, k, again=False):
    stays = odds >= odds.topk(min(k, odds.shape[-1]), -1).values[:, -1:]
    return torch.where(stays, odds, -torch.inf).softmax(-1) if again else torch.where(stays, odds, 0.0)


def whole_top_p(logits, config):
    """top-p counted before top-k."""
    if config.top_p is None or config.top_k is None:
        return odds()(logits, config)
    plain = (logits / config.temperature).softmax(-1)
    both = (top_p(plain, config.top_p) > 0) & (top_k(logits, config.top_k) > 0)
    return torch.where(both, plain, 0.0) / torch.where(both, plain, 0.0).sum(-1, keepdim=True)


def late_temperature(logits, config):
    """The temperature behind everything else."""
    if config.temperature == 0 or config.top_p is None:
        return odds()(logits, config)
    first = odds(scale=lambda logits, T: logits)(logits, config)
    return (first.log() / config.temperature).softmax(-1)


def no_top_p_without_top_k(logits, config):
    if config.top_k is None:
        return odds(cut_p=lambda odds, p, k: odds)(logits, config)
    return odds()(logits, config)


def no_top_k_with_top_p(logits, config):
    if config.top_p is None:
        return odds()(logits, config)
    return top_p((logits / config.temperature).softmax(-1), config.top_p)


def k_above_K_raises(logits, config):
    if config.top_k is not None:
        logits.topk(config.top_k, -1)
    return odds()(logits, config)


def tokens(logits, u, config):
    edges = odds()(logits.double(), config).cumsum(-1)
    return torch.searchsorted(edges, (u.double() * edges[:, -1])[:, None], right=True)[:, 0]


def first_u(logits, u, config):
    return tokens(logits, u[:1].expand(len(u)), config)


def by_multinomial(logits, u, config):
    return odds()(logits, config).multinomial(1)[:, 0]


def by_likelihood(logits, u, config):
    falling, order = odds()(logits.double(), config).sort(-1, descending=True)
    rank = torch.searchsorted(falling.cumsum(-1), u.double()[:, None], right=True)
    return order.gather(-1, rank)[:, 0]


def uncut(logits, u, config):
    edges = logits.double().softmax(-1).cumsum(-1)
    return torch.searchsorted(edges, (u.double() * edges[:, -1])[:, None], right=True)[:, 0]


def from_the_left(logits, u, config):
    edges = odds()(logits.double(), config).cumsum(-1)
    return torch.searchsorted(edges, (u.double() * edges[:, -1])[:, None])[:, 0]


def in_float32(logits, u, config):
    return torch.searchsorted(odds()(logits.float(), config).cumsum(-1), u.float()[:, None], right=True)[:, 0]


def at_the_last(logits, u, config):
    return in_float32(logits, u, config).clamp(max=logits.shape[-1] - 1)


def column(logits, u, config):
    return tokens(logits, u, config)[:, None]


def painter(probabilities=None, draw=tokens):
    return probabilities or odds(), draw


def step(write=lambda used: used, see=lambda used: slice(0, used + 1), layer_of=lambda layer: layer, scale=None,
         mask=False, stays=1.0, late=False, swapped=False, keep=True):
    """block_step with one thing wrong."""
    def block_step(block, x, cache, layer):
        q, k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2)
                   for part in block.qkv(block.norm1(x)).chunk(3, 2))
        old = cache.keys.clone(), cache.values.clone()
        at, layer = write(cache.used), layer_of(layer)
        if keep:
            for kept, new in zip((cache.keys, cache.values), (v, k) if swapped else (k, v), strict=True):
                kept[layer, :, :, at] = new[:, :, 0]
        keys, values = (cache.keys, cache.values) if not late else old
        keys, values = keys[layer, :, :, see(cache.used)], values[layer, :, :, see(cache.used)]
        h = F.scaled_dot_product_attention(q, keys, values, scale=scale, is_causal=mask)
        x = stays * x + block.out(h.transpose(1, 2).flatten(2))
        return x + block.mlp(block.norm2(x))
    return block_step


def moving(block, x, cache, layer):
    found = step()(block, x, cache, layer)
    cache.used += 1
    return found


def concatenating(block, x, cache, layer):
    k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2) for part in block.qkv(block.norm1(x)).chunk(3, 2)[1:])
    found = step()(block, x, cache, layer)
    cache.keys = torch.cat([cache.keys[:, :, :, :cache.used], k.expand(len(cache.keys), *k.shape)], 3)
    return found


def by_hand(block, x, cache, layer):
    """The same with a softmax."""
    q, k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2) for part in block.qkv(block.norm1(x)).chunk(3, 2))
    cache.keys[layer, :, :, cache.used:cache.used + 1] = k
    cache.values[layer, :, :, cache.used:cache.used + 1] = v
    keys, values = (part[layer][:, :, :cache.used + 1] for part in (cache.keys, cache.values))
    weights = (q @ keys.mT / q.shape[-1] ** 0.5).softmax(-1)
    x = x + block.out((weights @ values).transpose(1, 2).reshape(x.shape))
    return x + block.mlp(block.norm2(x))


def cut_logits(keep, back=True, fallback=None):
    """nucleus with another rule of what stays; fallback: what becomes of a row where nothing does."""
    def nucleus(logits, p):
        falling, order = logits.sort(-1, descending=True)
        stays = keep(falling.softmax(-1), p)
        if back:
            stays = torch.zeros_like(stays).scatter(-1, order, stays)
        if fallback == "all":
            stays = stays | ~stays.any(-1, keepdim=True)
        return logits.masked_fill(~stays, -torch.inf)
    return nucleus


def shown(falling, p):
    """What the cell of the lesson keeps."""
    return falling.cumsum(-1) <= p


def at_least_one(falling, p):
    stays = falling.cumsum(-1) <= p
    stays[:, 0] = True
    return stays


def crossing(falling, p):
    return falling.cumsum(-1) - falling < p


def from_below(logits, p):
    """The same from the least likely code on."""
    rising, order = logits.sort(-1)
    cut = rising.softmax(-1).cumsum(-1) <= 1 - p
    cut[:, -1] = False
    return logits.masked_fill(torch.zeros_like(cut).scatter(-1, order, cut), -torch.inf)


def nearest(part, known):
    return torch.cdist(part, known).min(1).values


def copies(edge=lambda samples, validation, known, share: nearest(validation, known).quantile(share), to=None,
           less=True):
    """too_near with one thing wrong."""
    def too_near(samples, validation, known, share=0.1):
        near = nearest(samples, known if to is None else to(validation, known))
        limit = edge(samples, validation, known, share)
        return ((near < limit) if less else (near > limit)).float().mean().item()
    return too_near


def twins(samples, validation, known, share):
    return (torch.cdist(known, known).fill_diagonal_(1e9).min(1).values).quantile(share)


def counted(samples, validation, known, share=0.1):
    return [float(d) for d in nearest(samples, known)]


def by_loop(samples, validation, known, share=0.1):
    """The same, a picture at a time, as a tensor."""
    near, base = (torch.stack([(known - one).norm(dim=1).min() for one in part]) for part in (samples, validation))
    return (near < torch.quantile(base, share)).double().mean()


MUTANTS = [
    Mutant("11.2", "logits times temperature", painter(odds(lambda logits, T: logits * T)), "multiplied by the temp"),
    Mutant("11.2", "temperature forgotten", painter(odds(lambda logits, T: logits)), "the temperature changes nothing"),
    Mutant("11.2", "odds over temperature", painter(
        lambda logits, config: odds(lambda logits, T: logits)(logits, config) / (config.temperature or 1)),
        "it is the logits that should be"),
    Mutant("11.2", "temperature 0 divides", painter(odds(zero=False)), "it divides by 0"),
    Mutant("11.2", "temperature last", painter(late_temperature), "the temperature comes last"),
    Mutant("11.2", "no softmax", painter(lambda logits, config: logits), "there is no softmax"),
    Mutant("11.2", "softmax before top-k", painter(odds(cut_k=lambda logits, k: zeros_for_cut(logits.softmax(-1), k))),
           "no longer sums to 1"),
    Mutant("11.2", "softmax before and behind top-k", painter(
        odds(cut_k=lambda logits, k: zeros_for_cut(logits.softmax(-1), k, again=True))), "odds are no logits"),
    Mutant("11.2", "cut logits set to 0", painter(odds(cut_k=lambda logits, k: torch.where(
        top_k(logits, k) > 0, logits, 0.0).softmax(-1))), "a logit like any other"),
    Mutant("11.2", "top-k ignored", painter(odds(cut_k=lambda logits, k: logits.softmax(-1))), "top-k is ignored"),
    Mutant("11.2", "the least likely k", painter(odds(cut_k=lambda logits, k: top_k(logits, k, largest=False))),
           "the k least likely"),
    Mutant("11.2", "one threshold for the batch", painter(odds(cut_k=lambda logits, k: torch.where(
        (flat := logits.softmax(-1)) >= flat.flatten().topk(min(k, flat.numel())).values[-1], logits, -torch.inf)
        .softmax(-1).nan_to_num(torch.nan))), "one threshold for all rows"),
    Mutant("11.2", "k above K raises", painter(k_above_K_raises), "more than there are means all of them"),
    Mutant("11.2", "top-p ignored without top-k", painter(no_top_p_without_top_k), "each of them works alone"),
    Mutant("11.2", "the crossing token dropped", painter(part_p(keep=shown)), "the code that crosses p is dropped"),
    Mutant("11.2", "one token too many", painter(part_p(
        keep=lambda f, p: F.pad((f.cumsum(-1) - f < p)[:, :-1], (1, 0), value=True))), "one code too many"),
    Mutant("11.2", "kept by rank", painter(part_p(back=False)), "scatter it back"),
    Mutant("11.2", "not evened out", painter(part_p(even=False)), "what top-p left no longer sums to 1"),
    Mutant("11.2", "each code against p", painter(part_p(keep=lambda f, p: f >= p)), "each code's own odds"),
    Mutant("11.2", "top-p before top-k", painter(whole_top_p), "it counts what top-k left"),
    Mutant("11.2", "top-k ignored with top-p", painter(no_top_k_with_top_p), "top-k is ignored where top-p is given"),
    Mutant("11.2", "one u for the whole picture", painter(draw=first_u), "one u for all rows"),
    Mutant("11.2", "multinomial", painter(draw=by_multinomial), "nothing but u may decide"),
    Mutant("11.2", "argmax", painter(draw=lambda logits, u, config: logits.argmax(-1)), "u decides nothing"),
    Mutant("11.2", "from the likeliest down", painter(draw=by_likelihood), "walk in the order of their numbers"),
    Mutant("11.2", "draws what was cut", painter(draw=uncut), "draw from probabilities"),
    Mutant("11.2", "searched from the left", painter(draw=from_the_left), "u = 0 falls on a code that was cut"),
    Mutant("11.2", "float32", painter(draw=in_float32), "past the end"),
    Mutant("11.2", "clamped to the last code", painter(draw=at_the_last), "the last code may have no odds"),
    Mutant("11.2", "a column", painter(draw=column), "one code for each row"),
    Mutant("11.2", "one function", odds(), "the pair of functions"),
    Mutant("11.3", "cache position off by one, over the last", step(write=lambda used: used - 1), "over the last one"),
    Mutant("11.3", "cache position off by one, a hole", step(write=lambda used: used + 1), "stays a hole"),
    Mutant("11.3", "always in layer 0", step(layer_of=lambda layer: 0), "each layer has its own"),
    Mutant("11.3", "nothing kept", step(keep=False), "is not kept"),
    Mutant("11.3", "keys for values", step(swapped=True), "keys and values have changed places"),
    Mutant("11.3", "the block moves on", moving, "whoever calls them moves it"),
    Mutant("11.3", "concatenated", concatenating, "the cache holds new tensors"),
    Mutant("11.3", "not itself", step(see=lambda used: slice(0, used)), "does not see itself"),
    Mutant("11.3", "looked before it wrote", step(late=True), "the cache is as it should be"),
    Mutant("11.3", "the whole length", step(see=lambda used: slice(None)), "nobody has filled"),
    Mutant("11.3", "a causal mask", step(mask=True), "is_causal draws its mask from the corner"),
    Mutant("11.3", "itself alone", step(see=lambda used: slice(used, used + 1)), "it sees itself alone"),
    Mutant("11.3", "no 1/sqrt(d)", step(scale=1.0), "not divided by the root of d"),
    Mutant("11.3", "no shortcut", step(stays=0.0), "x is not added"),
    Mutant("11.4", "as it is shown", cut_logits(shown), "one code has more alone, nothing is left"),
    Mutant("11.4", "at least the likeliest", cut_logits(at_least_one), "still dropped in the others"),
    Mutant("11.4", "all where nothing is kept", cut_logits(shown, fallback="all"), "all are kept"),
    Mutant("11.4", "one too many", cut_logits(
        lambda f, p: F.pad((f.cumsum(-1) - f < p)[:, :-1], (1, 0), value=True)), "one code too many"),
    Mutant("11.4", "kept by rank", cut_logits(crossing, back=False), "scatter it back"),
    Mutant("11.4", "odds for logits", lambda logits, p: cut_logits(crossing)(logits, p).softmax(-1), "it gives odds"),
    Mutant("11.4", "nothing cut", lambda logits, p: logits, "top-p is ignored"),
    Mutant("11.5", "copying judged without the validation baseline",
           copies(edge=lambda s, v, k, share: nearest(s, k).quantile(share)), "an edge from the samples"),
    Mutant("11.5", "training faces as the baseline", copies(edge=twins), "how near training faces are to each other"),
    Mutant("11.5", "exact copies only", copies(edge=lambda s, v, k, share: 1e-6), "not even the copies"),
    Mutant("11.5", "held against validation", copies(to=lambda validation, known: validation),
           "copies what it was trained on"),
    Mutant("11.5", "those further away", copies(less=False), "further away are counted"),
    Mutant("11.5", "the mean", copies(edge=lambda s, v, k, share: nearest(v, k).mean()), "the edge is the mean"),
    Mutant("11.5", "the other end", copies(edge=lambda s, v, k, share: nearest(v, k).quantile(1 - share)),
           "the edge lies at 1 - share"),
    Mutant("11.5", "a list of distances", counted, "TypeError"),
]

ALTERNATIVES = [
    Alternative("11.2", "softmax before top-k, evened out", painter(odds(
        cut_k=lambda logits, k: (cut := zeros_for_cut(logits.softmax(-1), k)) / cut.sum(-1, keepdim=True)))),
    Alternative("11.2", "by counting edges", (odds(), lambda logits, u, config: (
        (edges := odds()(logits.double(), config).cumsum(-1)) <= u.double()[:, None] * edges[:, -1:]).sum(-1))),
    Alternative("11.3", "with a softmax by hand", by_hand),
    Alternative("11.4", "by what came before", cut_logits(crossing)),
    Alternative("11.4", "from the least likely on", from_below),
    Alternative("11.5", "by a loop, a tensor", by_loop),
]
