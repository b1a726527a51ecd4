"""Exercises of lesson 03, VQ-VAE: straight-through, two terms, a codebook that stands still, ln K."""

import math

import torch

from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.quantize import lookup
from minivq.training import TrainConfig
from minivq.training import vqvae_step as training_step


def check_straight_through(straight_through):
    """Values of z_q, gradient of z_e, nothing for the codes."""
    z_e = torch.randn(2, 3, 4, 4, requires_grad=True)
    z_q = torch.randn(2, 3, 4, 4, requires_grad=True)
    out = straight_through(z_e, z_q)
    form = wrong_form(out, z_q)
    if form:
        return form
    if torch.allclose(out, z_e, atol=1e-5):
        return ("its values are those of z_e: the decoder would never see a code. Which of the "
                "two is to be seen?")
    if not torch.allclose(out, z_q, atol=1e-5):
        return "its values are not those of z_q: what is left of your formula when nobody asks for gradients?"
    if not out.requires_grad:
        return "no gradient leaves it: something is detached that carries the way back to z_e"
    out.backward(torch.arange(96.0).reshape(2, 3, 4, 4))
    codes = torch.zeros(()) if z_q.grad is None else z_q.grad.abs().sum()
    if z_e.grad is None or z_e.grad.abs().sum() == 0:
        where = "it goes to the codes instead" if codes > 0 else "it goes nowhere"
        return f"the gradient does not reach z_e, {where}: which term may stay attached?"
    if codes > 0:
        return ("the gradient goes to the codes as well: the copy is to go around them, so "
                "detach what holds z_q")
    if not torch.allclose(z_e.grad, torch.arange(96.0).reshape(2, 3, 4, 4)):
        return "the gradient reaches z_e changed: it is to arrive as it came, neither scaled nor added up"
    return None


def check_vq_loss(vq_loss):
    """Both terms, β on the commitment, the mean over all elements, gradients to the right sides."""
    z_e = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    codebook = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    indices = torch.randint(6, (2, 4, 4))
    beta = 0.25
    loss = vq_loss(z_e, codebook, indices, beta)
    form = wrong_form(loss, z_e.new_zeros(()), "the loss")
    if form:
        return form
    with torch.no_grad():
        codes = codebook[indices].permute(0, 3, 1, 2)
        mse = (z_e - codes).square().mean()
        turned = (z_e - codebook[indices].permute(0, 3, 2, 1)).square().mean()
    near = lambda value: math.isclose(loss.item(), value.item(), rel_tol=1e-6)      # noqa: E731
    if near((1 + beta) * turned) or near(turned):
        return ("rows and columns are swapped: the code of place (i, j) is compared with the "
                "encoding at (j, i)")
    if near((1 + beta) * mse * z_e.numel()):
        return "it is a sum over all elements: with the mean, the weight does not hang on the picture's size"
    if near((1 + beta) * mse * z_e.shape[1]):
        return ("it sums over the d channels and takes the mean of the rest: wanted is the mean "
                "of all elements")
    if near(mse) or near(beta * mse):
        return "it weighs like one term only: there are two, one for the codes and one for the encodings"
    if near(2 * beta * mse):
        return "β weighs both terms: it belongs to the commitment alone"
    if near(2 * mse):
        return "both terms have weight 1: where is β?"
    if not near((1 + beta) * mse):
        return f"its value is {loss.item():.4f}, wanted {((1 + beta) * mse).item():.4f} for these tensors"
    return _sides(loss, z_e, codebook, codes, indices, beta)


def _sides(loss, z_e, codebook, codes, indices, beta):
    """Where the gradients go: by hand for z_e and for the codebook."""
    if not loss.requires_grad:
        return "no gradient leaves it: each term is to teach one of its two sides"
    loss.backward()
    difference = 2 * (z_e.detach() - codes) / z_e.numel()                           # of a term of weight 1
    at_codes = torch.zeros_like(codebook).index_add_(
        0, indices.flatten(), -difference.permute(0, 2, 3, 1).reshape(-1, codebook.shape[1]))
    nothing = torch.zeros(())
    encoder = nothing if z_e.grad is None else z_e.grad
    learned = nothing if codebook.grad is None else codebook.grad
    same = lambda a, b: a.shape == b.shape and torch.allclose(a, b, rtol=1e-6)      # noqa: E731
    if same(encoder, (1 + beta) * difference) and same(learned, (1 + beta) * at_codes):
        return ("no stop-gradient: both terms pull at both sides, so β only scales the sum. "
                "Detach one side in each")
    if same(encoder, difference) and same(learned, beta * at_codes):
        return "β is on the codebook term: the commitment, which moves the encodings, weighs 1 instead of β"
    if encoder.abs().sum() == 0:
        return "the encodings get no gradient: in the commitment the codes are detached, not z_e"
    if learned.abs().sum() == 0:
        return "the codebook gets no gradient: in the codebook term z_e is detached, not the codes"
    if not same(encoder, beta * difference):
        return "the gradient at z_e is not 2β(z_e - e)/N: which of your terms reaches the encoder?"
    if not same(learned, at_codes):
        return ("the gradient at the codes is not that of one term of weight 1: which of your "
                "terms reaches them?")
    return None


def check_vqvae_step(vqvae_step):
    """The codebook moves, the encoder too, and both as in the package's step."""
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64) * 2 - 1
    mine, theirs = _small_model(), _small_model()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    log = vqvae_step(mine, torch.optim.SGD(mine.parameters(), lr=0.1), x, True)
    if not isinstance(log, dict) or "loss" not in log:
        return f"it returns {type(log).__name__}, wanted the log, a dict with the loss in it"
    config = TrainConfig(1, 2, peak=0.1, unquantised=0.0, bf16=False)
    wanted = training_step(theirs, torch.optim.SGD(theirs.parameters(), lr=0.1), x, config, 0)
    moved = {name for name, value in mine.state_dict().items() if not torch.equal(value, before[name])}
    if not moved:
        return "nothing moves at all: in which order do zero_grad, backward and step stand?"
    told = abs(log["loss"] - wanted["loss"]) < 1e-6
    if "quantizer.codebook" not in moved:
        if told:
            return ("the codebook does not move, although the loss in the log is right: "
                    "on its way into the loss a term has turned into a number that remembers nothing")
        return ("the codebook does not move: straight-through goes around it, so which part of "
                "the loss can reach it?")
    if not any(name.startswith("encoder.") for name in moved):
        return "the encoder does not move: what does the optimiser hold?"
    if not told:
        return (f"the loss is {log['loss']:.6f}, wanted {wanted['loss']:.6f}: error + the "
                "quantiser's own loss, weight 1")
    if any(not torch.allclose(value, mine.state_dict()[name], atol=1e-8)
           for name, value in theirs.state_dict().items()):
        return "the weights go elsewhere than in a step of gradient descent: are old gradients still in?"
    again = _small_model()
    log = vqvae_step(again, torch.optim.SGD(again.parameters(), lr=0.1), x, False)
    if not torch.equal(again.quantizer.codebook, before["quantizer.codebook"]):
        return "with quantise=False the codebook moves: before k-means there are no codes to teach"
    return None


def _small_model():
    torch.manual_seed(1)
    config = VQVAEConfig(widths=(8, 16), decoder_blocks=1, z_channels=8, d=4, K=8, groups=4, quantizer="vq")
    return VQVAE(config).double()


def check_kl(answer):
    """(nats per token, bytes per map of 64 tokens) at K = 512."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "wanted two numbers: (nats per token, bytes per map)"
    nats, size = (float(value) for value in answer)
    if math.isclose(nats, 9, abs_tol=1e-3):
        return "9 is the KL in bits: with the natural logarithm it comes in nats"
    if math.isclose(nats, 0, abs_tol=1e-9):
        return "0 is the entropy of the one-hot posterior: the cross-entropy with the prior is still missing"
    if math.isclose(nats, -math.log(512), abs_tol=1e-3):
        return "a KL is never negative: the sign of the prior's logarithm got lost"
    if not math.isclose(nats, math.log(512), abs_tol=1e-2):
        return f"{nats:g} nats per token: write the sum of q ln(q/p) out, one term of it is not 0"
    if math.isclose(size, 576):
        return "576 is right in bits; how many of them go into a byte?"
    if math.isclose(size, 64):
        return "64 bytes would be one byte a token, and a byte tells only 256 codes apart"
    if math.isclose(size, 128):
        return "128 bytes is two whole bytes a token: 512 codes need fewer than 16 bits"
    if math.isclose(size, 64 * math.log(512) / 8, rel_tol=1e-2):
        return "nats were divided by 8: a byte holds 8 bits, so turn nats into bits first"
    if not math.isclose(size, 72):
        return f"{size:g} bytes: 64 tokens, log2(512) bits each, 8 bits a byte"
    return None


def package_straight_through():
    """The package's."""
    from minivq.quantize import straight_through
    return straight_through


def vq_loss(z_e, codebook, indices, beta=0.25):
    """(B, d, h, w), (K, d), (B, h, w) -> scalar: what stands in the package inside `VectorQuantizer`."""
    codes = lookup(codebook, indices)
    return (z_e.detach() - codes).square().mean() + beta * (z_e - codes.detach()).square().mean()


def vqvae_step(model, optimizer, x, quantise=True, l2=4.0, bf16=False):
    """(B, C, H, W) in [-1, 1] -> log: the package's step with the schedule left to the loop."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        out = model(x, quantise=quantise)
    error = out.x_rec.to(x.dtype) - x
    mse = error.square().mean()
    loss = error.abs().mean() + l2 * mse
    if quantise:
        loss = loss + out.quantized.loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {"loss": loss.item(), "mse": mse.item()}


EXERCISES = (
    Exercise(
        "3.1", "predict", "The picture's gradient at the encoder", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("exactly zero: no path leads there", 0.0,
                        "The indices are integers, and no gradient passes an integer.", right=True),
            "b": Option("small, but not zero: moving an encoding now and then changes its code", None,
                        "Over a long way it does, and that is what we would like to follow. A gradient "
                        "looks at an "
                        "endless small step, and on such a step no code changes."),
            "c": Option("as large as without a quantiser: autograd goes through the look-up", None,
                        "It goes through the look-up, into the codebook. The index that the look-up was "
                        "asked for is "
                        "an integer, and behind it the path ends. What you describe is straight-through, "
                        "which "
                        "somebody has to write."),
            "d": Option("random: every wrong choice of a code pushes anywhere", None,
                        "Nothing is drawn here: the nearest code is a function of the encoding, only a "
                        "flat one."),
        }),
    Exercise(
        "3.2", "complete", "The straight-through step", difficulty=2, minutes=10, points=3,
        check=check_straight_through, package=package_straight_through,
        hints=("Forward it is z_q, backward it is z_e. Write z_q as z_e plus something.",
               "z_q = z_e + (z_q - z_e). Which of the parts must not be seen on the way back?",
               "Leave the first z_e as it is, and call .detach() on the whole bracket.")),
    Exercise(
        "3.3", "complete", "Two terms that pull", difficulty=2, minutes=10, points=3,
        check=check_vq_loss, package=lambda: vq_loss,
        hints=("Look the codes up once: lookup(codebook, indices) has the shape of z_e. Both terms are "
               "the mean of "
               "the same squared difference; they differ in who is detached.",
               "The codebook term is to move codes: z_e is detached in it. The commitment is to move "
               "encodings: "
               "the codes are detached in it.",
               "First term: z_e.detach() against codes, weight 1. Second: z_e against codes.detach(), "
               "weight beta. "
               "Square, take the mean of all elements, add.")),
    Exercise(
        "3.4", "debug", "A codebook that never moves", difficulty=2, minutes=10, points=3,
        check=check_vqvae_step, package=lambda: vqvae_step,
        hints=("Which parts of the loss have the codebook in them? The picture's error has not: the "
               "straight-through "
               "step goes around it.",
               "The loss that is logged is right. Is the loss on which backward() is called made of "
               "tensors that all "
               "know where they come from?",
               "Look at the line that adds the quantiser's loss: what does .item() return?")),
    Exercise(
        "3.5", "prove", "What a token costs", difficulty=2, minutes=10, points=2, check=check_kl,
        hints=("KL(q, p) = Σ q_k ln(q_k / p_k). With q one-hot, how many terms are left (0 ln 0 counts as "
               "0)?",
               "The one term that is left is 1 · ln(1 / (1/K)).",
               "In bits it is log2 K = 9 for K = 512. 64 tokens make 576 bits; 8 bits make a byte.")),
    Exercise("3.6", "explore", "One token, five neighbours", difficulty=2, minutes=15, points=2),
)

