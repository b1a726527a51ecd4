"""What misunderstandings of lesson 11 make of odds: behind the checks of 11.2 and 11.4."""

import torch

SHARES = torch.tensor([[0.04, 0.36, 0.10, 0.26, 0.17, 0.07], [0.62, 0.02, 0.12, 0.05, 0.15, 0.04],
                       [0.18, 0.13, 0.21, 0.15, 0.17, 0.16]], dtype=torch.float64)


def row_of(odds):
    """(K,) -> "[0.40, 0.60]"."""
    return "[" + ", ".join(f"{value:.2f}" for value in odds.tolist()) + "]"


def like(got, wanted):
    """Two tensors -> bool: equal but for rounding, nan like nan."""
    return torch.allclose(got.double(), wanted.double(), atol=1e-9, equal_nan=True)


def said_of(got, rows):
    """A result, {what is said: what a misunderstanding gives} -> what is said of it, or None."""
    return next((text for text, wrong in rows.items() if like(got, wrong)), None)


def kept(odds, keep):
    """Odds and which of them stay -> those that stay, with a sum of 1; nan where none does."""
    odds = torch.where(keep, odds, 0.0)
    return odds / odds.sum(-1, keepdim=True)


def misread(logits, temperature, top_k, top_p):
    """Logits, setting -> {what is said: the odds that a misunderstanding gives}."""
    T, plain = temperature or 1.0, logits.softmax(-1)
    odds = (logits / T).softmax(-1)
    rank = odds.argsort(-1, descending=True).argsort(-1)                            # 0 for the likeliest
    first = rank < (top_k or odds.shape[-1])                                        # what top-k keeps
    if top_p is not None:
        late = kept(plain, first)                                                   # top-p before the temperature
        return misread_top_p(odds, first, top_k, top_p) | {
            "the temperature comes last: top-p counts the odds that are drawn from":
                kept(odds, first & (gathered(late) - late < top_p))}
    if temperature != 1:
        return {
            "logits are multiplied by the temperature: a low one should sharpen the odds": (T * logits).softmax(-1),
            "the odds are divided by the temperature, and it is the logits that should be": plain / T,
            "the temperature changes nothing": plain,
        }
    if top_k is None:
        return {"there is no softmax: these are the logits": logits}
    return {
        "top-k is ignored": odds,
        "the softmax comes before top-k, and what is left no longer sums to 1": torch.where(first, odds, 0.0),
        "there is a softmax before top-k and one behind it: odds are no logits, that makes them nearly alike":
            torch.where(first, odds, -torch.inf).softmax(-1),
        "cut logits are set to 0, a logit like any other: -inf is the one without odds":
            torch.where(first, logits, 0.0).softmax(-1),
        "the k least likely codes are kept": kept(odds, rank >= odds.shape[-1] - top_k),
        "one threshold for all rows: each row has its own k likeliest codes":
            kept(odds, odds >= odds.flatten().topk(min(top_k, odds.numel())).values[-1]),
    }


def gathered(odds):
    """(B, K) -> (B, K): what each code and all that are likelier have together."""
    falling, order = odds.sort(-1, descending=True)
    return torch.zeros_like(odds).scatter(-1, order, falling.cumsum(-1))


def misread_top_p(odds, first, top_k, p):
    """Odds, which of them top-k keeps, k or None, p -> the same for top-p."""
    whole, all_codes = kept(odds, first), gathered(odds) - odds < p
    reached, by_rank = gathered(whole), whole.sort(-1, descending=True).values
    right = reached - whole < p
    more = whole >= by_rank.gather(-1, right.sum(-1, keepdim=True).clamp(max=odds.shape[-1] - 1))
    return {
        "top-p is ignored" + ("" if top_k else " unless top-k is given: each of them works alone"): whole,
        "the code that crosses p is dropped: what stays should reach p, and where one code has more alone, nothing is "
        "left": kept(whole, reached <= p),
        "one code too many is kept: stop with the one by which the sum reaches p": kept(whole, more),
        "what to keep is known in the order of the odds and applied in that of the codes: scatter it back":
            kept(whole, by_rank.cumsum(-1) - by_rank < p),
        "what top-p left no longer sums to 1": torch.where(right, whole, 0.0),
        "each code's own odds are compared with p: it is their sum, from the likeliest on": kept(whole, whole >= p),
        "top-p looks at the odds from before top-k: it counts what top-k left": kept(odds, all_codes & first),
        "top-k is ignored where top-p is given": kept(odds, all_codes),
    }
