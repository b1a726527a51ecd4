"""Wrong and other right answers to the exercises of lesson 03."""

import math

import torch
import torch.nn.functional as F

from tests.mutants import Alternative, Mutant


def codes_of(codebook, indices):
    """(K, d), (B, h, w) -> (B, d, h, w)"""
    return codebook[indices].permute(0, 3, 1, 2)


def pull(a, b):
    """The mean squared difference."""
    return (a - b).square().mean()


def no_stop_gradient(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    return pull(z_e, codes) + beta * pull(z_e, codes)


def beta_on_the_codebook(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    return beta * pull(z_e.detach(), codes) + pull(z_e, codes.detach())


def terms_swapped(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    codebook_term, commitment_term = pull(z_e, codes.detach()), pull(z_e.detach(), codes)
    return codebook_term + beta * commitment_term


def beta_on_both(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    return beta * (pull(z_e.detach(), codes) + pull(z_e, codes.detach()))


def no_beta(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    return pull(z_e.detach(), codes) + pull(z_e, codes.detach())


def sum_for_mean(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    return (z_e.detach() - codes).square().sum() + beta * (z_e - codes.detach()).square().sum()


def sum_over_channels(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    teach, commit = (z_e.detach() - codes).square().sum(1), (z_e - codes.detach()).square().sum(1)
    return teach.mean() + beta * commit.mean()


def rows_and_columns(z_e, codebook, indices, beta=0.25):
    codes = codebook[indices].permute(0, 3, 2, 1)
    return pull(z_e.detach(), codes) + beta * pull(z_e, codes.detach())


def codebook_term_alone(z_e, codebook, indices, beta=0.25):
    return pull(z_e.detach(), codes_of(codebook, indices))


def both_detached_from_z(z_e, codebook, indices, beta=0.25):
    codes = codes_of(codebook, indices)
    return (1 + beta) * pull(z_e.detach(), codes)


def everything_detached(z_e, codebook, indices, beta=0.25):
    return (1 + beta) * pull(z_e.detach(), codes_of(codebook, indices).detach())


def by_mse_loss(z_e, codebook, indices, beta=0.25):
    codes = F.embedding(indices, codebook).movedim(-1, 1)
    return beta * F.mse_loss(z_e, codes.detach()) + F.mse_loss(codes, z_e.detach())


def step(quantizer_loss=lambda loss: loss, forward=lambda quantise: quantise, early=False, learn=None):
    """A training step with one thing wrong: what comes into the loss, what is asked, in which order."""

    def vqvae_step(model, optimizer, x, quantise=True, l2=4.0, bf16=False):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
            out = model(x, quantise=forward(quantise))
        error = out.x_rec.to(x.dtype) - x
        mse = error.square().mean()
        loss = error.abs().mean() + l2 * mse
        if out.quantized is not None:
            loss = loss + quantizer_loss(out.quantized.loss)
        if learn is not None:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(learn in name)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if early:
            optimizer.zero_grad(set_to_none=True)
        optimizer.step()
        return {"loss": loss.item(), "mse": mse.item()}

    return vqvae_step


MUTANTS = [
    Mutant("3.2", "z_q returned bare", lambda z_e, z_q: z_q, "it goes to the codes instead"),
    Mutant("3.2", "the roles turned round", lambda z_e, z_q: z_q + (z_e - z_q).detach(),
           "values are those of z_e"),
    Mutant("3.2", "no stop-gradient", lambda z_e, z_q: z_e + (z_q - z_e), "it goes to the codes instead"),
    Mutant("3.2", "only z_e detached", lambda z_e, z_q: z_e + (z_q - z_e.detach()),
           "goes to the codes as well"),
    Mutant("3.2", "everything detached", lambda z_e, z_q: (z_e + (z_q - z_e)).detach(),
           "no gradient leaves it"),
    Mutant("3.2", "z_e returned", lambda z_e, z_q: z_e, "values are those of z_e"),
    Mutant("3.2", "halfway", lambda z_e, z_q: z_e + 0.5 * (z_q - z_e).detach(), "not those of z_q"),
    Mutant("3.2", "doubled gradient", lambda z_e, z_q: 2 * z_e + (z_q - 2 * z_e).detach(),
           "arrive as it came"),
    Mutant("3.3", "no stop-gradient", no_stop_gradient, "no stop-gradient"),
    Mutant("3.3", "beta on the codebook", beta_on_the_codebook, "β is on the codebook term"),
    Mutant("3.3", "terms swapped", terms_swapped, "β is on the codebook term"),
    Mutant("3.3", "beta on both", beta_on_both, "β weighs both terms"),
    Mutant("3.3", "no beta", no_beta, "where is β"),
    Mutant("3.3", "sum for mean", sum_for_mean, "a sum over all elements"),
    Mutant("3.3", "sum over channels", sum_over_channels, "sums over the d channels"),
    Mutant("3.3", "rows and columns swapped", rows_and_columns, "rows and columns are swapped"),
    Mutant("3.3", "codebook term alone", codebook_term_alone, "one term only"),
    Mutant("3.3", "z_e detached in both", both_detached_from_z, "the encodings get no gradient"),
    Mutant("3.3", "everything detached", everything_detached, "no gradient leaves it"),
    Mutant("3.4", "the planted .item()", step(lambda loss: loss.item()),
           "although the loss in the log is right"),
    Mutant("3.4", "a detached loss", step(lambda loss: loss.detach()),
           "although the loss in the log is right"),
    Mutant("3.4", "the quantiser's loss forgotten", step(lambda loss: 0.0),
           "which part of the loss can reach it"),
    Mutant("3.4", "gradients thrown away", step(early=True), "nothing moves at all"),
    Mutant("3.4", "beta once more", step(lambda loss: 0.25 * loss), "the quantiser's own loss, weight 1"),
    Mutant("3.4", "always quantised", step(forward=lambda quantise: True),
           "with quantise=False the codebook moves"),
    Mutant("3.4", "only the codebook learns", step(learn="codebook"), "the encoder does not move"),
    Mutant("3.5", "bits for nats", (9.0, 72), "KL in bits"),
    Mutant("3.5", "bits for bytes", (math.log(512), 576), "right in bits"),
    Mutant("3.5", "a byte a token", (math.log(512), 64), "256 codes"),
    Mutant("3.5", "two bytes a token", (math.log(512), 128), "two whole bytes"),
    Mutant("3.5", "the entropy of the posterior", (0.0, 72), "entropy of the one-hot"),
    Mutant("3.5", "nats for bits", (math.log(512), 64 * math.log(512) / 8), "turn nats into bits"),
]

ALTERNATIVES = [
    Alternative("3.2", "z_q plus zero", lambda z_e, z_q: z_q.detach() + (z_e - z_e.detach())),
    Alternative("3.2", "one minus the other", lambda z_e, z_q: z_e - (z_e - z_q).detach()),
    Alternative("3.3", "by mse_loss", by_mse_loss),
    Alternative("3.4", "by the loss that is there", step()),
    Alternative("3.5", "rounded", (6.238, 72)),
]
