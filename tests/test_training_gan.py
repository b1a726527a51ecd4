"""The step of painter and critic: who hears whom, when, and how loud."""
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from toys import TINY, toy_pictures

from minivq import pretrained, training_gan
from minivq.autoencoder import VQVAE
from minivq.discriminator import PatchDiscriminator
from minivq.training_gan import GANConfig, diagnosis, train_vqgan, vqgan_step

ROOT = Path(__file__).resolve().parents[1]
CONFIG = GANConfig(steps=10, batch=4, critic_from=0.0, heard_from=0.0, loud_from=0.0, critic_width=8, bf16=False)


def near(x, y):
    """A stand-in for the perceptual distance: (B,)."""
    return (x - y).abs().mean((1, 2, 3))


@pytest.fixture
def game():
    """A painter, a critic, their optimisers and four pictures of 16 px."""
    torch.manual_seed(0)
    model, critic = VQVAE(TINY).train(), PatchDiscriminator(width=8)
    optimizers = [torch.optim.SGD(net.parameters(), 0.1) for net in (model, critic)]
    return model, critic, near, optimizers, toy_pictures(4, 16).batch(range(4))


def weights(net):
    """A copy of all parameters in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def test_the_painter_runs_once_a_step_and_the_critic_once_on_each_kind(game):
    model, critic, *rest = game
    seen = {"painter": 0, "critic": 0}
    model.decoder.register_forward_hook(lambda *_: seen.update(painter=seen["painter"] + 1))
    critic.register_forward_hook(lambda *_: seen.update(critic=seen["critic"] + 1))
    vqgan_step(model, critic, *rest, CONFIG, step=0)
    assert seen == {"painter": 1, "critic": 2}


def test_nothing_of_the_critic_is_computed_before_it_is_needed(game):
    model, critic, *rest = game
    critic.register_forward_hook(lambda *_: pytest.fail("the critic was asked"))
    log = vqgan_step(model, critic, *rest, dataclasses.replace(CONFIG, critic_from=0.5, heard_from=0.5, loud_from=0.5),
                     step=4)
    assert "critic" not in log and "weight" not in log


def test_the_critic_learns_before_the_painter_hears_it(game):
    model, critic, distance, optimizers, x = game
    silent = dataclasses.replace(CONFIG, heard_from=1.0, loud_from=1.0)
    alone = VQVAE(TINY).train()
    alone.load_state_dict(model.state_dict())
    before = weights(critic)
    vqgan_step(model, critic, distance, optimizers, x, silent, step=0)
    deaf = dataclasses.replace(silent, critic_from=1.0)
    vqgan_step(alone, critic, distance, [torch.optim.SGD(alone.parameters(), 0.1), optimizers[1]], x, deaf, step=0)
    assert not torch.equal(weights(critic), before) and torch.equal(weights(model), weights(alone))


def test_the_critics_step_leaves_the_painters_gradients_alone_and_the_reverse(game):
    """With rates of 0 for one player, only the other's weights move, by its own gradients alone."""
    model, critic, distance, optimizers, x = game
    kept = weights(model), weights(critic)
    vqgan_step(model, critic, distance, optimizers, x, dataclasses.replace(CONFIG, peak=1e-30), step=0)
    assert torch.allclose(weights(model), kept[0], atol=1e-12) and not torch.allclose(weights(critic), kept[1])
    assert all(parameter.grad is None for parameter in critic.parameters())
    kept = weights(model), weights(critic)
    vqgan_step(model, critic, distance, optimizers, x, dataclasses.replace(CONFIG, critic_peak=1e-30), step=0)
    assert not torch.allclose(weights(model), kept[0]) and torch.allclose(weights(critic), kept[1], atol=1e-12)


@pytest.mark.parametrize("gan_weight", [None, 0.3])
def test_the_painters_gradient_is_that_of_the_sum_of_its_losses(game, gan_weight):
    """The step by hand: both losses built anew on one graph, λ from their gradients at the decoder's last weight."""
    model, critic, distance, optimizers, x = game
    config = dataclasses.replace(CONFIG, gan_weight=gan_weight, steps=1000)
    model.quantizer.eval()                                            # codes stay as they are
    out = model(x)
    rec = (out.x_rec - x).abs().mean() + config.l2 * (out.x_rec - x).square().mean() + near(out.x_rec, x).mean()
    gan = -critic(out.x_rec).mean()
    rec_at, gan_at = (torch.autograd.grad(loss, model.last_weight, retain_graph=True)[0] for loss in (rec, gan))
    strength = config.loudness * rec_at.norm() / (gan_at.norm() + 1e-4) if gan_weight is None else gan_weight
    wanted = torch.autograd.grad(rec + strength * gan + out.quantized.loss, list(model.parameters()))
    size = torch.stack([gradient.norm() for gradient in wanted]).norm()
    log = vqgan_step(model, critic, distance, optimizers, x, config, step=500)
    assert log["weight"] == pytest.approx(float(strength), rel=1e-4) and log["volume"] == 1.0
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient / size.clamp_min(1.0), rtol=1e-4, atol=1e-6)


def test_the_voice_of_the_critic_rises_from_nothing_to_full():
    config = GANConfig(steps=100, critic_from=0.0, heard_from=0.1, loud_from=0.3)
    volumes = [config.volume(step) for step in range(100)]
    assert volumes[9] == 0 and 0 < volumes[10] < 0.1 and volumes[30:] == [1.0] * 70
    assert volumes == sorted(volumes)


@pytest.mark.parametrize("real, fake, word", [(0.02, 0.0, "asleep"), (1.2, -1.1, "winning"), (0.4, -0.3, "healthy")])
def test_the_log_says_how_the_critic_does(real, fake, word):
    assert diagnosis(real, fake) == word


@pytest.mark.parametrize("fields, words", [({"critic": "wgan"}, "critic='wgan': wanted one of hinge, vanilla"),
                                           ({"heard_from": 0.5, "loud_from": 0.2}, "heard_from=0.5, loud_from=0.2")])
def test_a_configuration_that_makes_no_training_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        GANConfig(steps=10, **fields)


@pytest.fixture
def start(tmp_path):
    """A first stage to begin with."""
    torch.manual_seed(3)
    return str(pretrained.export(VQVAE(TINY), tmp_path / "start.pt", {}))


def test_a_training_stopped_and_started_again_ends_with_the_same_weights(start, tmp_path, monkeypatch):
    pictures = toy_pictures(size=16)
    config = dataclasses.replace(CONFIG, steps=12, save_every=4)
    whole = train_vqgan(start, config, pictures, pictures, near, tmp_path / "whole")
    step_of, calls = training_gan.vqgan_step, iter(range(99))

    def stops(*arguments):
        if next(calls) == 9:
            raise KeyboardInterrupt
        return step_of(*arguments)

    monkeypatch.setattr(training_gan, "vqgan_step", stops)
    with pytest.raises(KeyboardInterrupt):
        train_vqgan(start, config, pictures, pictures, near, tmp_path / "parts")
    parts = train_vqgan(start, config, pictures, pictures, near, tmp_path / "parts")
    assert torch.equal(weights(whole), weights(parts))
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(12))
    assert lines[-1]["state"] in ("asleep", "winning", "healthy")


@pytest.mark.parametrize("broken, words", [("nan", "not finite at step"), ("collapse", "at the start it was")])
def test_a_failing_training_stops_and_keeps_the_last_save(start, tmp_path, monkeypatch, broken, words):
    if broken == "nan":
        distance = lambda x, y: near(x, y) * (float("nan") if x.sum() != 0 and next(calls) == 6 else 1)  # noqa: E731
        calls = iter(range(99))
    else:
        distance = near
        scores = iter([20.0] * 6 + [15.0] * 99)
        monkeypatch.setattr(training_gan.training, "validate", lambda *_: {"val_psnr": next(scores)})
    config = dataclasses.replace(CONFIG, steps=20, save_every=4)
    with pytest.raises(FloatingPointError, match=words):
        train_vqgan(start, config, toy_pictures(size=16), toy_pictures(size=16), distance, tmp_path / "run")
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 4


FIVE_STEPS = """
import sys, torch
from tests.toys import TINY, toy_pictures
from minivq import distributed, training
from minivq.autoencoder import VQVAE
from minivq.discriminator import PatchDiscriminator
from minivq.training_gan import GANConfig, vqgan_step
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
with distributed.session():
    torch.manual_seed(0)
    model, critic = VQVAE(TINY).train(), PatchDiscriminator(width=8)
    config = GANConfig(steps=10, batch=8, critic_from=0.0, heard_from=0.1, loud_from=0.3, bf16=False)
    optimizers = [torch.optim.AdamW(net.parameters(), lr=1e-3) for net in (model, critic)]
    data, wrapped, lambdas = toy_pictures(size=16), distributed.wrap(model), []
    for step in range(5):
        x = training.batch_of(data, config, step).double()
        log = vqgan_step(wrapped, critic, lambda x, y: (x - y).abs().mean((1, 2, 3)), optimizers, x, config, step)
        lambdas.append(log.get("weight", 0.0))
    if distributed.rank() == 0:
        both = {f"{k}{i}": v for i, net in enumerate((model, critic)) for k, v in net.state_dict().items()}
        torch.save({**both, "lambdas": torch.tensor(lambdas)}, sys.argv[1])
"""


def test_two_processes_equal_one(tmp_path):
    script = tmp_path / "five_steps.py"
    script.write_text(FIVE_STEPS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--rdzv-backend", "c10d",
                "--rdzv-endpoint", "localhost:0"]
    for name, command in (("one", []), ("two", torchrun)):
        done = subprocess.run([sys.executable, *command, str(script), str(tmp_path / name)], cwd=ROOT,
                              env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    one, two = torch.load(tmp_path / "one"), torch.load(tmp_path / "two")
    assert (one["lambdas"][1:] > 0).all()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-9)


