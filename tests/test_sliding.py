"""The sliding window: every token as if its window were computed alone, in far fewer steps; and what is refused."""
import pytest
import torch
from toys import far_from_start

from minivq.sampling import SampleConfig, draw, sample, sample_sliding, schedule
from minivq.transformer import Transformer, TransformerConfig

ALL, N = SampleConfig(top_k=None), 4
GRIDS = [(h, w) for h in range(4, 13) for w in range(4, 13)]


def make(**fields):
    torch.manual_seed(0)
    return far_from_start(Transformer(TransformerConfig(K=7, T=N * N, layers=2, heads=2, width=8, **fields)))


def plain(prior, grid, count, cond, u):
    """One token after the other, the whole window through the network each time."""
    (h, w), tokens = grid, torch.zeros(count, *grid, dtype=torch.int64)
    for i in range(h):
        for j in range(w):
            top, left = min(max(i - N // 2, 0), h - N), min(max(j - N // 2, 0), w - N)
            part = (slice(None), slice(top, top + N), slice(left, left + N))
            place = (i - top) * N + j - left
            told = None if cond is None else cond[part].flatten(1)
            logits = prior(tokens[part].flatten(1)[:, :-1], told)[:, place]
            tokens[:, i, j] = draw(logits, u[:, i, j], ALL)
    return tokens


@pytest.mark.parametrize("told", [None, "in front", "in place"])
def test_every_grid_equals_the_plain_loop(told):
    prior = make(cond_values=5, cond_length=N * N, in_place=told == "in place")
    for number, grid in enumerate(GRIDS):
        generator = torch.Generator().manual_seed(number)
        cond = torch.randint(5, (2, *grid), generator=generator) if told else None
        mine = sample_sliding(prior, grid, N, 2, cond, ALL, torch.Generator().manual_seed(7))
        u = torch.rand(2, *grid, generator=torch.Generator().manual_seed(7))
        assert torch.equal(mine, plain(prior, grid, 2, cond, u)), grid


def test_where_grid_and_window_are_one_it_is_plain_sampling():
    prior = make()
    both = [method(prior, (N, N), *more, generator=torch.Generator().manual_seed(3))
            for method, more in ((sample, (5, None, ALL)), (sample_sliding, (N, 5, None, ALL)))]
    assert torch.equal(*both)


@pytest.mark.parametrize("stride", [1, 2])
def test_no_token_is_drawn_before_what_its_window_needs(stride):
    for h, w in GRIDS:
        step = torch.full((h, w), -1)
        stretches = schedule((h, w), N, stride)
        for one in stretches:
            step[one.row, one.first:one.last + 1] = one.step + torch.arange(one.last - one.first + 1)
        assert (step >= 0).all() and sum(one.last - one.first + 1 for one in stretches) == h * w
        assert step.max() + 1 <= w + (h - 1) * N
        for one in stretches:
            top, left = one.corner
            for j in range(one.first, one.last + 1):
                assert top <= one.row < top + N and left <= j < left + N
                assert (step[top:one.row, left:left + N] < step[one.row, j]).all()
                assert (step[one.row, left:j] < step[one.row, j]).all()


def test_corners_of_a_tall_grid_are_those_of_the_paper():
    corners = [one.corner[0] for one in schedule((20, 16), 16) if one.first == 0]
    assert corners == [0] * 9 + [1, 2, 3] + [4] * 8


def test_with_a_stride_fewer_windows_are_computed_and_the_tokens_are_those_of_its_windows():
    prior = make()
    stretches = [schedule((8, 12), N, stride) for stride in (1, 2)]
    assert len(stretches[1]) < 0.7 * len(stretches[0])
    tokens = sample_sliding(prior, (8, 12), N, 2, config=ALL, generator=torch.Generator().manual_seed(1), stride=2)
    u = torch.rand(2, 8, 12, generator=torch.Generator().manual_seed(1))
    for one in stretches[1]:
        top, left = one.corner
        for j in range(one.first, one.last + 1):
            place = (one.row - top) * N + j - left
            logits = prior(tokens[:, top:top + N, left:left + N].flatten(1)[:, :place])[:, -1]
            assert torch.equal(draw(logits, u[:, one.row, j], ALL), tokens[:, one.row, j])


def test_a_condition_may_be_a_function_of_the_corner():
    prior, seen = make(cond_values=9, cond_length=2), set()

    def told(row, column):
        seen.add((row, column))
        return torch.tensor([[row, column]]).expand(2, -1)

    sample_sliding(prior, (6, 7), N, 2, told, ALL, torch.Generator().manual_seed(0))
    assert seen == {(i, j) for i in range(3) for j in range(4)}


@pytest.mark.parametrize("grid, window, more, words", [
    ((3, 8), 4, {}, "8x3 is smaller than the window of 4x4: use `sample`"), ((8, 8), 5, {}, "window=5: wanted an even"),
    ((8, 8), 6, {}, "this prior's T=16"), ((8, 8), 4, {"stride": 3}, "stride=3: wanted 1 to 2"),
    ((8, 8), 4, {"stride": 0}, "stride=0"),
    ((8, 8), 4, {"cond": torch.zeros(1, 8, 7, dtype=torch.int64)}, r"\(1, 8, 7\): wanted \(1, 8, 8\)")])
def test_what_does_not_fit_is_refused(grid, window, more, words):
    with pytest.raises(ValueError, match=words):
        sample_sliding(make(cond_values=2, cond_length=16), grid, window, **more)
