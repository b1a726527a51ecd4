"""Solutions of lesson 03."""

import torch


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


SOLUTIONS = {
    "3.2": straight_through,
    "3.3": vq_loss,
    "3.4": vqvae_step,
    "3.5": TOKEN_COST,
}
