"""What holds for every shape and seed: hundreds of random cases for quantisers, autoencoder, sampler and data."""
import random

import numpy as np
import pytest
import torch
from PIL import Image
from toys import far_from_start

from minivq import datasets, drawing, folders
from minivq.autoencoder import VQVAE, VQVAEConfig, reconstruct
from minivq.conditioning import Vocabulary, boxes_of, labels_of
from minivq.quantize import FSQ, EMAQuantizer, VectorQuantizer, lookup, nearest
from minivq.sampling import SampleConfig, draw, probabilities, sample, sample_sliding
from minivq.transformer import Transformer, TransformerConfig
from minivq.windows import schedule

CASES = [pytest.param(seed, id=f"seed{seed}") for seed in range(60)]
FEW = CASES[:12]


def drawn_by(seed):
    """A stream of random choices, and torch seeded alike."""
    torch.manual_seed(seed)
    return random.Random(seed)


@pytest.mark.parametrize("seed", CASES)
def test_the_nearest_code_is_nearest_and_a_code_is_its_own_nearest(seed):
    r = drawn_by(seed)
    B, d, h, w, K = r.randint(1, 4), r.randint(1, 9), r.randint(1, 7), r.randint(1, 7), r.randint(1, 40)
    z, codebook = torch.randn(B, d, h, w, dtype=torch.float64), torch.randn(K, d, dtype=torch.float64)
    indices = nearest(z, codebook)
    away = (z[:, None] - codebook[None, :, :, None, None]).square().sum(2)                      # (B, K, h, w)
    assert indices.shape == (B, h, w) and torch.equal(indices, away.argmin(1))
    assert torch.equal(nearest(lookup(codebook, indices), codebook), indices)


@pytest.mark.parametrize("seed", CASES)
def test_every_quantiser_gives_codes_indices_that_name_them_and_a_gradient(seed):
    r = drawn_by(seed)
    levels = tuple(r.randint(2, 6) for _ in range(r.randint(1, 4)))
    K, d = r.randint(2, 30), r.randint(1, 6)
    quantizer = r.choice([VectorQuantizer(K, d), EMAQuantizer(K, d).eval(), FSQ(levels)])
    z_e = torch.randn(r.randint(1, 3), quantizer.d, r.randint(1, 5), r.randint(1, 5), requires_grad=True)
    out = quantizer(z_e)
    assert torch.allclose(quantizer.lookup(out.indices), out.z_q, atol=1e-5)
    assert 0 <= int(out.indices.min()) and int(out.indices.max()) < quantizer.K and out.loss >= 0
    out.z_q.sum().backward()
    assert z_e.grad.abs().min() > 0 or isinstance(quantizer, FSQ)                       # tanh may be flat
    every = quantizer.lookup(torch.arange(quantizer.K).reshape(1, 1, -1))
    assert len(every[0, :, 0].T.unique(dim=0)) == quantizer.K


@pytest.mark.parametrize("seed", CASES)
def test_an_autoencoder_of_any_shape_goes_to_codes_and_back(seed):
    r = drawn_by(seed)
    groups = r.choice([1, 2, 4])
    widths = tuple(groups * r.randint(1, 4) for _ in range(r.randint(1, 4)))
    config = VQVAEConfig(channels=r.choice([1, 3]), widths=widths, blocks=r.randint(1, 2), z_channels=r.randint(2, 9),
                         d=r.randint(1, 6), K=r.randint(2, 30), groups=groups, quantizer=r.choice(["ema", "vq"]),
                         attention_levels=tuple(i for i in range(len(widths)) if r.random() < 0.2))
    model, f = VQVAE(config).eval(), config.factor
    B, h, w = r.randint(1, 3), r.randint(1, 4), r.randint(1, 4)
    x = torch.rand(B, config.channels, h * f, w * f) * 2 - 1
    x_rec, indices = reconstruct(model, x)
    assert indices.shape == (B, h, w) and x_rec.shape == x.shape and x_rec.abs().max() <= 1
    assert torch.allclose(model.decode(indices).clamp(-1, 1), x_rec, atol=1e-5)
    if f > 1:
        with pytest.raises(ValueError, match=f"multiples of f={f}"):
            model.encode(x[..., 1:])


@pytest.mark.parametrize("seed", CASES)
def test_odds_sum_to_one_and_only_what_was_kept_is_drawn(seed):
    r = drawn_by(seed)
    B, K = r.randint(1, 6), r.randint(2, 60)
    config = SampleConfig(temperature=r.choice([0.0, 0.3, 1.0, 2.5]), top_k=r.choice([None, 1, 3, 100]),
                          top_p=r.choice([None, 0.1, 0.5, 0.99, 1.0]))
    logits, u = 3 * torch.randn(B, K, dtype=torch.float64), torch.rand(B, 200, dtype=torch.float64)
    u[:, :2] = torch.tensor([0.0, 1 - 2**-53])                                          # the ends of [0, 1)
    odds = probabilities(logits, config)
    assert torch.allclose(odds.sum(1), torch.ones(B, dtype=torch.float64)) and (odds >= 0).all()
    assert config.top_k is None or ((odds > 0).sum(1) <= config.top_k).all()
    codes = torch.stack([draw(logits, u[:, i], config) for i in range(200)], 1)         # (B, 200)
    assert (odds.gather(1, codes) > 0).all()
    order = u.argsort(1)
    assert (codes.gather(1, order).diff(dim=1) >= 0).all()                              # a larger u, a later code


@pytest.mark.parametrize("seed", FEW)
def test_a_picture_does_not_depend_on_its_batch(seed):
    r = drawn_by(seed)
    h, w, K = r.randint(1, 4), r.randint(2, 4), r.randint(2, 12)
    prior = far_from_start(Transformer(TransformerConfig(K, h * w, r.randint(1, 3), 2, 8)))
    count, config = r.randint(2, 7), SampleConfig(top_k=r.choice([None, 2]), temperature=r.choice([0.7, 1.0]))
    both = [sample(prior, (h, w), count, config=SampleConfig(config.temperature, config.top_k, batch=batch),
                   generator=torch.Generator().manual_seed(seed)) for batch in (1, 64)]
    assert torch.equal(*both) and both[0].shape == (count, h, w) and int(both[0].max()) < K


@pytest.mark.parametrize("seed", CASES)
def test_a_schedule_draws_every_token_once_after_all_that_its_window_shows_before_it(seed):
    r = drawn_by(seed)
    n = r.choice([2, 4, 6])
    h, w, stride = r.randint(n, 15), r.randint(n, 15), r.randint(1, n // 2)
    step = torch.full((h, w), -1)
    for one in schedule((h, w), n, stride):
        assert (step[one.row, one.first:one.last + 1] == -1).all()
        step[one.row, one.first:one.last + 1] = one.step + torch.arange(one.last - one.first + 1)
        top, left = one.corner
        assert 0 <= top <= one.row < top + n <= h and 0 <= left <= one.first <= one.last < left + n <= w
        before = torch.cat([step[top:one.row, left:left + n].flatten(), step[one.row, left:one.first]])
        assert (before >= 0).all() and (before < one.step).all()
    assert (step >= 0).all()


@pytest.mark.parametrize("seed", FEW)
def test_a_sliding_window_of_any_grid_draws_codes(seed):
    r = drawn_by(seed)
    prior = far_from_start(Transformer(TransformerConfig(5, 16, 1, 2, 8)))
    grid, count = (r.randint(4, 9), r.randint(4, 9)), r.randint(1, 3)
    generator = torch.Generator().manual_seed(seed)
    tokens = sample_sliding(prior, grid, 4, count, generator=generator, stride=r.randint(1, 2))
    assert tokens.shape == (count, *grid) and 0 <= int(tokens.min()) and int(tokens.max()) < 5


@pytest.mark.parametrize("seed", CASES)
def test_levels_go_to_numbers_and_back(seed):
    r = drawn_by(seed)
    shape = (r.randint(1, 3), r.randint(1, 9), r.randint(1, 9), r.choice([1, 3]))
    levels = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))
    x = datasets.from_uint8(levels)
    assert x.shape == (shape[0], shape[3], *shape[1:3]) and x.abs().max() <= 1
    assert torch.equal(datasets.to_uint8(x), levels)
    noisy = datasets.to_uint8(x + 2 * torch.randn_like(x))                              # outside: cut off, not wrapped
    assert int(noisy.min()) >= 0 and int(noisy.max()) <= 255


@pytest.mark.parametrize("seed", FEW)
@pytest.mark.parametrize("name", ["faces", "landscapes"])
def test_a_world_is_the_same_each_time_and_its_truth_fits_its_picture(name, seed):
    r = drawn_by(seed)
    place, thing = drawing.world(name), drawing.thing(name, r.randint(0, 10**6))
    size = (r.randint(32, 90),) if name == "faces" else (r.randint(32, 90), r.randint(32, 90))
    picture, maps = place.picture(thing, *size), place.segmentation(thing, *size)
    assert picture.shape == (size[-1], size[0], 3) and picture.dtype == np.uint8
    assert maps.shape == picture.shape[:2] and maps.max() < len(place.LABELS)
    assert (place.picture(thing, *size) == picture).all() and 0 <= place.label(thing) < len(place.CLASSES)
    depth, edges = place.depth(thing, *size), place.edges(thing, *size)
    assert depth.shape == edges.shape == maps.shape and 0 <= min(depth.min(), edges.min())
    assert max(depth.max(), edges.max()) <= 1 + 1e-6
    painted = np.array(place.PALETTE, np.uint8)[maps]
    assert (labels_of(painted, place.PALETTE, place.LABELS)[0].numpy() == maps).all()


@pytest.mark.parametrize("seed", CASES)
def test_boxes_hold_their_label_and_places_their_values(seed):
    r = drawn_by(seed)
    labels, H, W = r.randint(1, 5), r.randint(1, 12), r.randint(1, 12)
    maps = torch.randint(r.randint(1, labels), (2, H, W))
    boxes = boxes_of(maps, labels)
    for b in range(2):
        for label in range(labels):
            rows, columns = (maps[b] == label).nonzero(as_tuple=True)
            box = boxes[b, label]
            assert box.isnan().all() == (len(rows) == 0)
            if len(rows):
                wanted = (columns.min() / W, rows.min() / H, (columns.max() + 1) / W, (rows.max() + 1) / H)
                assert torch.allclose(box, torch.stack(wanted))
    words = Vocabulary(r.randint(1, 99), r.randint(1, 99), r.randint(2, 99))
    values = torch.rand(20)
    assert (words.values(words.places(values)) - values).abs().max() <= 0.5 / words.levels + 1e-6
    assert words.places(values).max() < words.size and words.values(words.places(torch.tensor(float("nan")))).isnan()


@pytest.mark.parametrize("seed", FEW)
def test_a_folder_of_any_sizes_and_modes_is_read_without_a_stretch(seed, tmp_path, monkeypatch):
    r = drawn_by(seed)
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine").mkdir()
    for i in range(r.randint(3, 12)):
        image = Image.effect_noise((r.randint(20, 60), r.randint(20, 60)), 90).convert(r.choice(["L", "RGB", "RGBA"]))
        image.save(tmp_path / "mine" / f"{i}.png")
    size, names = r.choice([16, 24]), []
    for split in folders.SPLITS:
        part = datasets.load(f"folder:{tmp_path / 'mine'}", size, split, crop=r.choice(["center", "random"]))
        assert part.batch(range(len(part))).shape == (len(part), 3, size, size) and len(part) >= 1
        names += list(part.source)
    assert len(names) == len(set(names)) == len(list((tmp_path / "mine").iterdir()))    # every picture in one split
