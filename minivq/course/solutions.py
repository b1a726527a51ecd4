"""The solutions of the exercises. A teacher takes this one file out; everything else still works without it.

Real functions and classes, under the names that the notebooks give them, and nothing imported but torch and
the standard library: a solution is built from an empty cell. Two exercises that ask for the same name carry
their id behind it (`kmeans_step__1_3`); `source` cuts it off. An answer that is no function is its cell's
source as a text.

SOLUTIONS finds a solution by exercise id: a function, a class, a tuple of them, or a text.
"""

import inspect
import math
import re
import statistics

import torch
import torch.nn.functional as F
from torch import nn

# ---- lesson 00


def to_uint8(x):
    """(B, C, H, W) float in [-1, 1] -> (B, H, W, C) uint8"""
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).movedim(1, -1)


def from_uint8(pictures):
    """(B, H, W, C) uint8 -> (B, C, H, W) float32 in [-1, 1]"""
    return pictures.movedim(-1, 1).float() / 127.5 - 1


def distances(a, b):
    """(n, d), (m, d) -> (n, m): the Euclidean distance of a[i] and b[j]"""
    return (a[:, None] - b).square().sum(-1).sqrt()


def pull(student, teacher):
    """(...), (...) -> scalar: mean squared difference; its gradient moves the student alone"""
    return (student - teacher.detach()).square().mean()


# Both ways in one cell: the check gets the pair.
CONVERSIONS = "\n\n\n".join([
    "import torch", inspect.getsource(to_uint8).rstrip(), inspect.getsource(from_uint8).rstrip(),
    "conversions = to_uint8, from_uint8"])


# ---- lesson 01


def nearest(z, codebook):
    """(B, d, h, w), (K, d) -> (B, h, w) int64: the nearest code at each place"""
    B, d, h, w = z.shape
    rows = z.permute(0, 2, 3, 1).reshape(-1, d)  # (B·h·w, d)
    distances = codebook.square().sum(1) - 2 * rows @ codebook.T  # (B·h·w, K), without |z|²
    return distances.argmin(1).reshape(B, h, w)


def kmeans_step(points, codes):
    """(N, d), (K, d) -> (K, d): each code moves to the mean of the points that chose it"""
    chosen = nearest(points[:, :, None, None], codes).flatten()  # (N,)
    number = torch.bincount(chosen, minlength=len(codes))[:, None]  # (K, 1)
    total = torch.zeros_like(codes).index_add_(0, chosen, points)  # (K, d)
    return torch.where(number > 0, total / number.clamp_min(1), codes)


def patches(x, f):
    """(B, C, H, W) -> (B, C·f·f, H/f, W/f): at each place the pixels of its f x f patch"""
    B, C, H, W = x.shape
    split = x.reshape(B, C, H // f, f, W // f, f)  # (B, C, h, row, w, column)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(B, C * f * f, H // f, W // f)


# ---- lesson 02


class Downsample(nn.Module):
    """(B, C, H, W) -> (B, C, H/2, W/2): zeros right and bottom, then a 3x3 convolution of stride 2."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class ResBlock(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H, W): the input plus a correction by two normalised convolutions."""

    def __init__(self, in_channels, out_channels, groups=32, dropout=0.0):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_channels, eps=1e-6)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=1e-6)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.shortcut(x) + h


def climb(h, levels, upsamples):
    """(B, C, h, w) -> (B, C', H, W): every level at its own size, coarse to fine."""
    for i, level in enumerate(levels):
        h = level(h)
        if i < len(upsamples):
            h = upsamples[i](h)
    return h


# ---- lesson 03


def straight_through(z_e, z_q):
    """(B, d, h, w), (B, d, h, w) -> (B, d, h, w): the value of z_q, the gradient of z_e"""
    return z_e + (z_q - z_e).detach()


def vq_loss(z_e, codebook, indices, beta=0.25):
    """(B, d, h, w), (K, d), (B, h, w) -> scalar: codes to encodings, and β times encodings to codes"""
    codes = codebook[indices].permute(0, 3, 1, 2)  # (B, d, h, w)
    codebook_term = (z_e.detach() - codes).square().mean()
    commitment_term = (z_e - codes.detach()).square().mean()
    return codebook_term + beta * commitment_term


def vqvae_step(model, optimizer, x, quantise=True, l2=4.0, bf16=False):
    """(B, C, H, W) in [-1, 1] -> log: one step of gradient descent on these pictures"""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        out = model(x, quantise=quantise)
    error = out.x_rec.to(x.dtype) - x
    mse = error.square().mean()
    loss = error.abs().mean() + l2 * mse
    if quantise:
        loss = loss + out.quantized.loss  # the tensor: a number would have no way back to the codes
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {"loss": loss.item(), "mse": mse.item()}


TOKEN_COST = """
import math

K, tokens = 512, 64
# q is one-hot: of the sum of q_k ln(q_k / p_k) one term is left, 1 · ln(1 / (1/K)) = ln K.
nats = math.log(K)
bits = tokens * math.log2(K)  # 64 · 9
answer = (nats, bits / 8)
""".strip()


# ---- lesson 04


def perplexity(indices, K):
    """(...) int64 -> exp of the entropy of the code frequencies, in [1, K]."""
    counts = torch.bincount(indices.flatten(), minlength=K).double()
    p = counts / counts.sum()
    return torch.exp(-torch.xlogy(p, p).sum()).item()


class Averages(nn.Module):
    """Counts (K,) and sums (K, d) as the state; the codebook is their quotient."""

    def __init__(self, codes, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("counts", torch.ones_like(codes[:, 0]))
        self.register_buffer("sums", codes.detach().clone())

    @property
    def codebook(self):
        return self.sums / self.counts[:, None]

    @torch.no_grad()
    def update(self, z, chosen):
        number = torch.zeros_like(self.counts).index_add_(0, chosen, torch.ones_like(z[:, 0]))
        total = torch.zeros_like(self.sums).index_add_(0, chosen, z)
        self.counts.mul_(self.decay).add_((1 - self.decay) * number)
        self.sums.mul_(self.decay).add_((1 - self.decay) * total)


def restart(codebook, counts, sums, points, below):
    """(K, d), (K,), (K, d), (N, d) -> the same three: dead codes on random points, with statistics."""
    dead = (counts < below).nonzero().flatten()
    chosen = points[torch.randint(len(points), (len(dead),))]
    codebook, counts, sums = codebook.clone(), counts.clone(), sums.clone()
    codebook[dead] = chosen
    counts[dead] = 1.0
    sums[dead] = chosen
    return codebook, counts, sums


def round_through(z):
    """(...) -> (...): whole numbers forward, the gradient of z backward."""
    return z + (z.round() - z).detach()


# ---- lesson 05

TWO_ERRORS = """
values, weights = (0.5, -0.9), (0.7, 0.3)
# Squared: the derivative 2 Σ w (c - v) is zero at the mean. Absolute: the slope is the weight below c less the
# weight above it, negative as long as more than half lies above: the median, here the larger camp's value.
mean = sum(w * v for w, v in zip(weights, values, strict=True))
median = values[0]
answer = (mean, median)
""".strip()


def feature_distance(a, b):
    """lists of (B, C, h, w), one per layer -> (B,): squared difference of unit vectors, mean over places, summed"""
    def unit(features):
        return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()  # the epsilon under the root

    return sum((unit(p) - unit(q)).square().sum(1).mean((1, 2)) for p, q in zip(a, b, strict=True))


class Perceptual(nn.Module):
    """(B, C, H, W), (B, C, H, W) in [-1, 1] -> (B,): how different they look, 0 for equal ones."""

    def __init__(self, net, compare):
        super().__init__()
        self.net, self.compare = net.requires_grad_(False).eval(), compare

    def train(self, mode=True):
        return super().train(False)  # whoever trains the model around it: a ruler stays as it is

    def forward(self, x, y):
        if x.shape != y.shape or x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape[-2:]) < 32:
            raise ValueError(f"{tuple(x.shape)} and {tuple(y.shape)}: wanted pictures of one shape, at least 32 px")
        with torch.autocast(x.device.type, enabled=False):
            return self.compare(self.net, *(picture.float().expand(-1, 3, -1, -1) for picture in (x, y)))


# ---- lesson 06


def hinge_d(real, fake):
    """logits (...), (...) -> scalar: real ones above 1 and redrawn ones below -1 cost nothing"""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def generator(fake):
    """logits (...) -> scalar: what the painter minimises"""
    return -fake.mean()


# Both sides in one cell: the check gets the pair.
BOTH_LOSSES = "\n\n\n".join([
    "import torch.nn.functional as F", inspect.getsource(hinge_d).rstrip(), inspect.getsource(generator).rstrip(),
    "both_losses = hinge_d, generator"])


def receptive_field(layers):
    """n strided layers -> int: pixels across that one logit sees"""
    size = 1
    for stride in [1, 1] + [2] * layers:  # from the logit back to the picture
        size = (size - 1) * stride + 4
    return size


def critic_step(critic, optimizer, x, x_rec):
    """(B, C, H, W), (B, C, H, W) -> log: one step of the critic; the painter of x_rec is left alone"""
    real, fake = critic(x), critic(x_rec.detach())  # a cut copy: x_rec itself keeps its way back
    loss = hinge_d(real, fake)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return {"critic": loss.item(), "real": real.mean().item(), "fake": fake.mean().item()}


# ---- lesson 07


def both_gradients(painter, pixels, features, gan):
    """losses of one graph, scalars -> the gradients of pixels + features and of gan at the painter's last weight"""
    rec = pixels + features  # all that asks for the original
    return [torch.autograd.grad(loss, painter.last_weight, retain_graph=True)[0] for loss in (rec, gan)]


def adaptive_weight(rec_gradient, gan_gradient, cap=1e4):
    """two gradients of one shape -> λ, a scalar in [0, cap], detached"""
    return (rec_gradient.norm() / (gan_gradient.norm() + 1e-4)).clamp(0, cap).detach()


# Both parts in one cell: the check gets the pair.
WEIGHT = "\n\n\n".join([
    "import torch", inspect.getsource(both_gradients).rstrip(), inspect.getsource(adaptive_weight).rstrip(),
    "both_parts = both_gradients, adaptive_weight"])


def critic_learns(step, config):
    """step, config -> bool: whether the critic takes part in this step"""
    return step >= round(config.critic_from * config.steps)


def volume(step, config):
    """step, config -> float in [0, 1]: how much of the critic's voice the painter hears"""
    first, full = (round(share * config.steps) for share in (config.heard_from, config.loud_from))
    if step < first:
        return 0.0
    if step >= full:
        return 1.0
    return (step - first + 1) / (full - first + 1)


SCHEDULE = "\n\n\n".join([
    inspect.getsource(critic_learns).rstrip(), inspect.getsource(volume).rstrip(), "schedule = critic_learns, volume"])

THREE_LOGS = """
# A: right about everything, sure of it, and nobody moves. B: real and redrawn climb together, from the first step at
# which the painter speaks: the critic steps down the painter's loss too. C: a gap that opens, then narrows.
answer = {"A": ("winning", "rates"), "B": ("asleep", "one optimiser"), "C": ("healthy", "fine")}
""".strip()


# ---- lesson 08


def frechet(a, b):
    """(N, F), (N, F) -> float: |μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), of sets of one size"""
    if a.shape != b.shape:
        raise ValueError(f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}: wanted two sets of one size")
    a, b = a.double(), b.double()
    cov_a, cov_b = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    # Σa Σb has the eigenvalues of Σa^½ Σb Σa^½, which is symmetric: they are real and not negative.
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return (apart + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def consistency(left, right):
    """(N, pairs), (N, pairs), 0 for nothing to be seen -> (share of agreeing pairs, coverage)"""
    counted = (left > 0) | (right > 0)
    if not counted.any():
        raise ValueError("no pair shows anything: wanted at least one")
    return (left == right)[counted].float().mean().item(), counted.float().mean().item()


def psnr(x, y):
    """(B, C, H, W), (B, C, H, W) in [-1, 1] -> scalar in dB: mean over pictures, each as it would be saved"""
    x, y = (((picture.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1 for picture in (x, y))
    mse = (x - y).square().mean((1, 2, 3))  # (B,)
    return (10 * torch.log10(2**2 / mse.clamp_min(1e-12))).clamp(max=99.0).mean()  # black and white are 2 apart


WORTHLESS = """
# Copies have no spread: Σb = 0, so its root and the last term are 0, and |μa - μb|² + tr Σa is left.
apart, spread = 3**2 + 4**2, 4 + 2.25
answer = (1.0, apart + spread, spread)  # the least: a face in the very middle, apart = 0
""".strip()


# ---- lesson 09


def nll(prior, indices):
    """prior, (B, h, w) codes -> scalar: nats per token, each by the odds that the prior gave before it was seen"""
    tokens = indices.flatten(1)  # (B, T)
    logits = prior(tokens[:, :-1])  # (B, T, K): the first row was given before anything was seen
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def costs(nats, tokens, pixels):
    """nats per token, tokens and pixels of a picture -> nats per picture, bytes per picture, bits per pixel"""
    bits = nats * tokens / math.log(2)
    return nats * tokens, bits / 8, bits / pixels


PRICE = "\n\n\n".join([
    "import math\n\nimport torch.nn.functional as F", inspect.getsource(nll).rstrip(),
    inspect.getsource(costs).rstrip(), "price = nll, costs"])


def bigram(train, held, K, weight=20.0):
    """(N, h, w), (M, h, w) codes -> odds of the first code (K,), odds after each code (K, K), nats per token of held"""
    tokens, said = train.flatten(1), held.flatten(1)
    share = (torch.bincount(tokens.flatten(), minlength=K) + 1.0).double() / (tokens.numel() + K)
    pairs = torch.bincount((tokens[:, :-1] * K + tokens[:, 1:]).flatten(), minlength=K * K).reshape(K, K)
    after = (pairs + weight * share) / (pairs.sum(1, keepdim=True) + weight)
    first = (torch.bincount(tokens[:, 0], minlength=K) + weight * share) / (len(tokens) + weight)
    logs = first[said[:, 0]].log().sum() + after[said[:, :-1], said[:, 1:]].log().sum()
    return first, after, -logs.item() / said.numel()


# The lesson's cells have these two; the exercise builds on them.
def offsets(kernel):
    """odd kernel -> rows, columns (kernel, kernel): how far each weight lies from the middle"""
    steps = torch.arange(kernel) - kernel // 2
    return torch.meshgrid(steps, steps, indexing="ij")


class Masked(nn.Conv2d):
    """(B, C, h, w) -> (B, C, h, w): a convolution of which only the weights count where the mask is true"""

    def __init__(self, width, mask):
        super().__init__(width, width, len(mask), padding="same")
        self.register_buffer("mask", mask.float())

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding="same")


class CausalStack(nn.Module):
    """(B, C, h, w) -> (B, C, h, w): masked convolutions; a place knows the codes before it"""

    def __init__(self, width, kernel, layers):
        super().__init__()
        rows, columns = offsets(kernel)
        above, left = [rows < 0, rows <= 0], [(rows == 0) & (columns < 0), (rows == 0) & (columns <= 0)]
        self.vertical = nn.ModuleList(Masked(width, above[i > 0]) for i in range(layers))
        self.horizontal = nn.ModuleList(Masked(width, left[i > 0]) for i in range(layers))
        self.across = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(layers))

    def forward(self, x):
        above = left = x
        for vertical, horizontal, across in zip(self.vertical, self.horizontal, self.across, strict=True):
            above = vertical(above).tanh()  # the rows above at full width, and never its own
            left = (horizontal(left) + across(above)).tanh()  # takes over what they know; the other way would leak
        return left


EVERY_ORDER = """
# 4 * 3 * 2 * 1 orders; one free number for each row, 1 + 2 + 4 + 8, as many as one table of 16 odds that sum to 1 has.
# Sum over the last token first: its odds sum to 1 whatever came before, and a sentence of three is left. And so on.
answer = (24, 15, 1)
""".strip()


# ---- lesson 10


def attend(q, k, v):
    """(..., t, c), (..., s, c), (..., s, d) -> found (..., t, d), weights (..., t, s)"""
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # a row for each place that asks
    weights = scores.softmax(-1)
    return weights @ v, weights


def causal(q, k, v):
    """(..., t, c), (..., t, c), (..., t, d) -> found (..., t, d), weights (..., t, t): at itself and before alone"""
    t = q.shape[-2]
    later = torch.ones(t, t, dtype=torch.bool).triu(1)  # above the diagonal
    scores = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).masked_fill(later, -torch.inf)
    weights = scores.softmax(-1)
    return weights @ v, weights


def sequence(tokens, codes, positions, start):
    """tokens (B, t), codes (K, width), positions (T, width), start (1, width) -> (B, t + 1, width)"""
    said = codes[tokens] + positions[:tokens.shape[1]]
    return torch.cat([start.expand(len(tokens), 1, -1), said], 1)


# Both in one cell: the check gets the pair.
CAUSAL = "\n\n\n".join([
    "import torch", inspect.getsource(causal).rstrip(), inspect.getsource(sequence).rstrip(),
    "both_parts = causal, sequence"])


def several_heads(q, k, v, heads):
    """(B, t, width) three times -> found (B, t, width), weights (B, heads, t, t)"""
    B, t, width = q.shape
    q, k, v = (part.reshape(B, t, heads, width // heads).transpose(1, 2) for part in (q, k, v))  # (B, heads, t, d)
    found, weights = causal(q, k, v)
    return found.transpose(1, 2).reshape(B, t, width), weights  # turned back: place after place


def task(tokens, K, pkeep):
    """tokens (B, T) -> what the prior sees (B, T - 1), what it has to say (B, T)"""
    stays = torch.rand(tokens.shape) < pkeep
    seen = torch.where(stays, tokens, torch.randint(K, tokens.shape))
    return seen[:, :-1], tokens  # the targets are clean


# ---- lesson 11


def probabilities(logits, config):
    """(B, K) -> (B, K): the odds after temperature, then top-k, then top-p, each row summing to 1"""
    if config.temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / config.temperature
    if config.top_k is not None and config.top_k < logits.shape[-1]:
        least = logits.topk(config.top_k, -1).values[:, -1:]  # (B, 1): the last logit that stays
        logits = logits.masked_fill(logits < least, -torch.inf)
    odds = logits.softmax(-1)
    if config.top_p is not None and config.top_p < 1:
        falling, order = odds.sort(dim=-1, descending=True, stable=True)
        before = falling.cumsum(-1) - falling  # what likelier codes have gathered
        cut = torch.zeros_like(odds, dtype=torch.bool).scatter(-1, order, before >= config.top_p)
        odds = odds.masked_fill(cut, 0)
        odds = odds / odds.sum(-1, keepdim=True)
    return odds


def draw(logits, u, config):
    """(B, K), one uniform number in [0, 1) for each row (B,) -> (B,) int64"""
    edges = probabilities(logits.double(), config).cumsum(-1)
    # The last edge is 1 but for rounding; beyond it there is no code.
    return torch.searchsorted(edges, (u.double() * edges[:, -1])[:, None], right=True)[:, 0]


# Both ways in one cell: the check gets the pair.
PAINTER = "\n\n\n".join([
    "import torch\nimport torch.nn.functional as F", inspect.getsource(probabilities).rstrip(),
    inspect.getsource(draw).rstrip(), "painter = probabilities, draw"])


def block_step(block, x, cache, layer):
    """one new place (B, 1, width), `cache.used` places before it -> (B, 1, width); its key and value are kept"""
    q, k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2)  # (B, heads, 1, d)
               for part in block.qkv(block.norm1(x)).chunk(3, 2))
    end = cache.used + 1
    cache.keys[layer, :, :, cache.used], cache.values[layer, :, :, cache.used] = k[:, :, 0], v[:, :, 0]
    # The newest place may look at all the others: no mask.
    h = F.scaled_dot_product_attention(q, cache.keys[layer, :, :, :end], cache.values[layer, :, :, :end])
    x = x + block.out(h.transpose(1, 2).flatten(2))
    return x + block.mlp(block.norm2(x))


def nucleus(logits, p):
    """(B, K), p -> (B, K): the logits of the likeliest codes that together reach p, -inf for the others"""
    falling, order = logits.sort(-1, descending=True)
    cut = falling.softmax(-1).cumsum(-1) > p
    cut[:, 1:] = cut[:, :-1].clone()  # the code that crosses p stays
    cut[:, 0] = False
    return logits.masked_fill(torch.zeros_like(cut).scatter(-1, order, cut), -torch.inf)


def too_near(samples, validation, known, share=0.1):
    """features (N, F), (M, F), (L, F) -> samples nearer to a known face than all but `share` of validation"""
    near, base = (torch.cdist(part, known).min(1).values for part in (samples, validation))
    return (near < base.quantile(share)).float().mean().item()


# ---- lesson 12


def map_loss(logits, maps):
    """(B, labels, H, W), (B, H, W) -> scalar: cross-entropy of the labels, mean over pixels"""
    return F.cross_entropy(logits, maps)


def map_prefix(maps, net, words):
    """(B, H, W) label ids -> (B, 1 + h·w): the kind's id, then the map's tokens in raster order"""
    channels = 2 * F.one_hot(maps, net.config.channels).movedim(-1, 1).float() - 1  # (B, labels, H, W), as one_hot
    told = net.encode(channels).flatten(1) + words.first("map")  # (B, h·w)
    kind = torch.full((len(maps), 1), words.first("kind"))  # segmentation is the first kind
    return torch.cat([kind, told], 1)


# Both parts in one cell: the check gets the pair.
MAP_PREFIX = "\n\n\n".join([
    "import torch\nimport torch.nn.functional as F", inspect.getsource(map_loss).rstrip(),
    inspect.getsource(map_prefix).rstrip(), "told_maps = map_loss, map_prefix"])


@torch.no_grad()
def complete(prior, given, keep, cond, u, draw):
    """(B, T) tokens, (B, T) bool, (B, c), (B, T) -> (B, T): given ones where keep says so, else drawn, in turns"""
    tokens = torch.zeros_like(given)
    logits, cache = prior.begin(len(given), cond)
    for place in range(given.shape[1]):
        drawn = draw(logits, u[:, place])  # (B,)
        tokens[:, place] = torch.where(keep[:, place], given[:, place], drawn)
        if place + 1 < given.shape[1]:
            logits = prior.next(tokens[:, place], place, cache)
    return tokens


class Ends(nn.Module):
    """Both ends of a prior: what goes into its blocks, and what comes out of them"""

    def __init__(self, K, classes, width):
        super().__init__()
        self.table = nn.Embedding(K, width)
        self.conditions = nn.Embedding(classes, width)  # a table of their own
        self.head = nn.Linear(width, K, bias=False)

    def embed(self, cond, tokens):
        return torch.cat([self.conditions(cond), self.table(tokens)], 1)

    def loss(self, h, tokens):
        logits = self.head(h[:, -tokens.shape[1]:])  # (B, T, K)
        return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


# ---- lesson 15

READER = '''
from PIL import Image
import numpy as np


def read_picture(path, size):
    """a file, px -> (size, size, 3) uint8: its central square, resized; None where it is of no use"""
    try:
        with Image.open(path) as image:
            image = image.convert("RGB")  # reads all of it: palettes and inks become colours
    except OSError:  # no picture, or one that breaks off
        return None
    (w, h), side = image.size, min(image.size)
    if side < size / 2:
        return None
    box = ((w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))
'''.strip("\n")

CARD = '''
from minivq.cards import WANTED, said


def card(info, title, picture=None):
    """{part: {name: value}}, a title, the name of a picture file or None -> the card, as a text in Markdown"""
    lines = [f"# {title}"]
    if picture:
        lines += ["", f"![{said(info.get('honesty', {}).get('samples'))}]({picture})"]
    for part, wanted in WANTED.items():
        lines += ["", f"## {part}", ""]
        for name, value in (dict.fromkeys(wanted) | info.get(part, {})).items():
            if not isinstance(value, dict):
                lines.append(f"- {name}: {said(value)}")
                continue
            if list(value) == ["samples"]:
                raise ValueError(f"{name} of the samples alone")
            lines += [f"- {name} ({key}): {said(one)}" for key, one in value.items()]
    return "\\n".join(lines) + "\\n"
'''.strip("\n")


# ---- lesson 13


def corner(place, side, n):
    """row (or column) of a token, rows of the picture, window -> the first row of the token's window"""
    return min(max(place - n // 2, 0), side - n)


def coordinates(rows, columns, grid, n):
    """corners of windows (B,), (B,), the grid (h, w) -> (B, 2): the row's word, then the column's"""
    return torch.stack([rows, columns + grid[0] - n + 1], 1)  # behind the h - n + 1 words of rows


# Both rules in one cell: the check gets the pair.
RULES = "\n\n\n".join([
    "import torch", inspect.getsource(corner).rstrip(), inspect.getsource(coordinates).rstrip(),
    "rules = corner, coordinates"])


def paint_one(prior, tokens, u, place, n, draw, told=None):
    """tokens, u (B, h, w), place (i, j), window, draw(logits, numbers), (B, c): writes tokens[:, i, j]"""
    (i, j), (h, w) = place, tokens.shape[1:]
    top, left = corner(i, h, n), corner(j, w, n)
    before = (i - top) * n + (j - left)  # its place inside the window
    seen = tokens[:, top:top + n, left:left + n].flatten(1)[:, :before]  # (B, before)
    tokens[:, i, j] = draw(prior(seen, told)[:, -1], u[:, i, j])


def told_of(maps, place, n):
    """a map in tokens (B, h, w), (i, j) -> (B, n * n): what the window that draws (i, j) is told"""
    (i, j), (h, w) = place, maps.shape[1:]
    top, left = corner(i, h, n), corner(j, w, n)
    return maps[:, top:top + n, left:left + n].flatten(1)


def painted(H, W):
    """-> (H, W) int64: a label map; the numbers are places in world.LABELS"""
    y, x = torch.meshgrid(torch.arange(H) / H, torch.arange(W) / H, indexing="ij")
    labels = torch.zeros(H, W, dtype=torch.int64)  # sky
    labels[y > 0.3 + 0.1 * (2.5 * x).sin()] = 4  # mountain
    labels[y > 0.5 + 0.02 * (9 * x).sin()] = 6  # forest
    labels[y > 0.58] = 9  # water
    labels[y > 0.85 + 0.05 * (2 * x).cos()] = 8  # shore
    return labels


HOW_MANY_STEPS = """
# (i, j) has step i * n + j. Its left neighbour has one less. In the row above it waits for column left + n - 1, where
# left is at most j: step (i - 1) * n + left + n - 1 = i * n + left - 1, below its own; higher rows have lower numbers.
answer = (3 * 16 + 5, 2 * 16 + 15, 64 + 31 * 16)
""".strip()


# ---- lesson 14


def bits_of(nats, f):
    """nats per token at f -> bits per pixel"""
    return nats / math.log(2) / f**2


def reach(side, f, n):
    """side of a picture in px, f, window of n x n tokens -> tokens of the picture, share of it in a window"""
    h = side // f  # tokens of a side
    return h**2, min(n, h) ** 2 / h**2


def confounds(rows, changed, measured):
    """rows of a table (dicts), columns changed on purpose, columns measured -> the other columns that differ"""
    names = dict.fromkeys(name for row in rows for name in row)  # of all rows, in their order
    return [name for name in names if name not in (*changed, *measured)
            and any(name not in row or row[name] != rows[0].get(name) for row in rows)]


def claim(before, after):
    """two rows of the study -> gain in consistency, its standard error, whether the claim holds"""
    ends = [[seed["consistency"] for seed in row["seeds"]] for row in (before, after)]
    gain = statistics.fmean(ends[1]) - statistics.fmean(ends[0])
    error = math.sqrt(sum(statistics.variance(end) / len(end) for end in ends))
    ffd = [statistics.fmean(seed["ffd_256"] for seed in row["seeds"]) for row in (before, after)]
    own = after["stage"]["consistency"] - before["stage"]["consistency"]
    return gain, error, gain >= 3 * error and ffd[1] <= ffd[0] and gain > own


SOLUTIONS = {
    "0.2": CONVERSIONS,
    "0.3": distances,
    "0.4": pull,
    "0.5": 'answer = ["iris", "hair", "skin", "beard", "glasses", "lens", "earring", "clothes", "light"]',
    "1.2": nearest,
    "1.3": kmeans_step,
    "1.4": patches,
    "1.5": "answer = (4, 4096)",
    "2.2": Downsample,
    "2.3": ResBlock,
    "2.4": climb,
    "2.5": 'answer = "b"',
    "3.2": straight_through,
    "3.3": vq_loss,
    "3.4": vqvae_step,
    "3.5": TOKEN_COST,
    "4.2": perplexity,
    "4.3": Averages,
    "4.4": restart,
    "4.5": round_through,
    "5.2": TWO_ERRORS,
    "5.3": feature_distance,
    "5.4": Perceptual,
    "6.2": BOTH_LOSSES,
    "6.3": receptive_field,
    "6.4": critic_step,
    "7.2": WEIGHT,
    "7.3": SCHEDULE,
    "7.4": THREE_LOGS,
    "8.2": frechet,
    "8.3": consistency,
    "8.4": psnr,
    "8.5": WORTHLESS,
    "9.2": PRICE,
    "9.3": bigram,
    "9.4": CausalStack,
    "9.5": EVERY_ORDER,
    "10.2": attend,
    "10.3": CAUSAL,
    "10.4": several_heads,
    "10.5": task,
    "11.2": PAINTER,
    "11.3": block_step,
    "11.4": nucleus,
    "11.5": too_near,
    "12.2": MAP_PREFIX,
    "12.3": complete,
    "12.4": Ends,
    "12.5": 'answer = "c"',
    "15.2": READER,
    "15.3": CARD,
    "15.4": 'answer = {2: "prior", 4: "prior", 8: "first stage"}',
    "15.5": 'import math\n\nanswer = (1 / 2, math.comb(20, 5) / math.comb(40, 5), 7)',
    "13.2": RULES,
    "13.3": paint_one,
    "13.4": told_of,
    "13.5": painted,
    "13.6": HOW_MANY_STEPS,
    "14.2": bits_of,
    "14.3": reach,
    "14.4": confounds,
    "14.5": claim,
}


def source(id):
    """"3.2" -> the solution as the source of its cell, "" where the exercise has none."""
    found = SOLUTIONS.get(id, ())
    if isinstance(found, str):
        return found
    parts = found if isinstance(found, tuple) else (found,)
    text = "\n\n\n".join(inspect.getsource(part).rstrip() for part in parts)
    return re.sub(r"__\d+_\d+\b", "", text)


def answer(id):
    """"3.2" -> what its check gets: the function or class (the last of several), or a text's last name.

    Raises KeyError where the exercise has no solution.
    """
    found = SOLUTIONS[id]
    if isinstance(found, tuple):
        return found[-1]
    if isinstance(found, str):
        space = {}
        exec(found, space)  # our own text above, the way a notebook's cell runs it
        return space[[name for name in space if name != "__builtins__"][-1]]
    return found
