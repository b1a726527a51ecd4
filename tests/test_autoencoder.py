"""The first stage: shapes, the authors' numbers, and that every parameter takes part."""
from pathlib import Path

import numpy as np
import pytest
import torch

from minivq.autoencoder import VQVAE, VQVAEConfig, reconstruct
from minivq.bench import RELEASED
from minivq.layers import Attention2d, Downsample, ResBlock, count_parameters, group_norm
from minivq.pretrained import from_reference

TINY = VQVAEConfig(widths=(8, 16, 16), K=16, d=4, z_channels=8, groups=4)


@pytest.fixture(scope="module")
def reference():
    with np.load(Path(__file__).parent / "fixtures" / "autoencoder.npz") as file:
        numbers = {name: torch.tensor(file[name]) for name in file.files}
    return numbers, {name[3:]: value for name, value in numbers.items() if name.startswith("sd/")}


def test_agrees_with_the_authors_implementation(reference):
    numbers, state = reference
    model = from_reference(state)
    with torch.no_grad():
        out = model(numbers["x"])
    assert torch.equal(out.quantized.indices, numbers["indices"]) and torch.equal(model.encode(numbers["x"]),
                                                                                  numbers["indices"])
    for met, wanted in ((out.z_e, "z_e"), (out.quantized.z_q, "z_q"), (out.x_rec, "x_rec")):
        torch.testing.assert_close(met, numbers[wanted], rtol=0, atol=1e-5)


def test_a_reference_state_that_does_not_fit_is_named(reference):
    _, state = reference
    with pytest.raises(ValueError, match="missing.*encoder.middle.0.conv1.weight"):
        from_reference({k: v for k, v in state.items() if k != "encoder.mid.block_1.conv1.weight"})
    with pytest.raises(ValueError, match="unexpected.*encoder.surprise"):
        from_reference(state | {"encoder.surprise": torch.zeros(1)})
    with pytest.raises(ValueError, match="missing encoder.conv_in.weight"):
        from_reference({"head.weight": torch.zeros(1)})
    assert from_reference(state | {"loss.discriminator.main.0.weight": torch.zeros(1)})


def test_the_papers_f16_model_has_its_number_of_parameters():
    with torch.device("meta"):
        model = VQVAE(RELEASED)
    assert count_parameters(model) == 72_141_699
    assert count_parameters(model.encoder) == 29_298_176 and count_parameters(model.decoder) == 42_449_795


def test_encode_and_decode_are_what_forward_does():
    model = VQVAE(TINY).eval()
    x = torch.randn(2, 3, 16, 24)
    indices = model.encode(x)
    assert indices.shape == (2, 4, 6) and indices.dtype == torch.int64 and model.config.factor == 4
    torch.testing.assert_close(model.decode(indices), model(x).x_rec, rtol=0, atol=1e-5)


@pytest.mark.parametrize("quantizer", ["vq", "ema"])
def test_every_parameter_has_a_gradient(quantizer):
    model = VQVAE(VQVAEConfig(widths=(8, 16), K=8, d=4, z_channels=8, groups=4, attention_levels=(1,),
                              quantizer=quantizer))
    out = model(torch.randn(4, 3, 16, 16))
    (out.x_rec.square().mean() + out.quantized.loss).backward()
    # A key's bias moves all scores of a query alike, and softmax does not see that.
    dead = [name for name, p in model.named_parameters()
            if (p.grad is None or not p.grad.abs().sum() > 0) and not name.endswith("k.bias")]
    assert dead == []


@pytest.mark.parametrize("shape", [(1, 3, 15, 16), (1, 3, 16, 18), (1, 1, 16, 16), (3, 16, 16)])
def test_a_picture_that_does_not_fit_is_named(shape):
    with pytest.raises(ValueError, match="multiples of f=4"):
        VQVAE(TINY).encode(torch.zeros(shape))


@pytest.mark.parametrize("wrong, words", [
    ({"K": 0}, "K=0"), ({"widths": ()}, "no level"), ({"groups": 7}, "groups=7"), ({"quantizer": "gumbel"}, "'gumbel'"),
    ({"quantizer": "fsq", "levels": (8, 8)}, "K=64, d=2"), ({"quantizer": "fsq", "levels": (1,)}, "2 levels")])
def test_a_configuration_that_makes_no_model_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        VQVAEConfig(**wrong)


def test_downsample_pads_right_and_bottom_alone():
    layer = Downsample(1)
    torch.nn.init.zeros_(layer.conv.weight)
    layer.conv.weight.data[0, 0, 0, 0] = 1                     # picks the pixel at the corner of each window
    layer.conv.bias.data.zero_()
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert torch.equal(layer(x), x[..., ::2, ::2])


def test_attention_is_softmax_of_scaled_products_and_its_output_is_added():
    layer, x = Attention2d(8, 4).double(), torch.randn(2, 8, 3, 5, dtype=torch.float64)
    h = layer.norm(x)
    q, k, v = (conv(h).flatten(2) for conv in (layer.q, layer.k, layer.v))
    weights = torch.einsum("bci,bcj->bij", q, k).div(8**0.5).softmax(-1)
    by_hand = x + layer.out(torch.einsum("bij,bcj->bci", weights, v).reshape(x.shape))
    torch.testing.assert_close(layer(x), by_hand, rtol=0, atol=1e-10)


def test_a_resblock_with_zero_convolutions_is_its_shortcut():
    block = ResBlock(4, 4, groups=2)
    torch.nn.init.zeros_(block.conv2.weight), torch.nn.init.zeros_(block.conv2.bias)
    x = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(x), x)
    with pytest.raises(ValueError, match="groups=3 does not divide 4"):
        group_norm(4, 3)


def test_reconstruct_restores_the_mode_and_clamps():
    model = VQVAE(TINY).train()
    pictures, indices = reconstruct(model, torch.randn(5, 3, 16, 16) * 4, batch=2)
    assert model.training and pictures.shape == (5, 3, 16, 16) and indices.shape == (5, 4, 4)
    assert pictures.abs().max() <= 1
