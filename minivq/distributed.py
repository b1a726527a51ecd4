"""Several processes, one training: torchrun and DDP by short names. Floor 0.

Alone (no torchrun) every function is the identity, so that the code above reads as for one process. A batch is
dealt out like cards: picture i of the global batch goes to rank i % world_size.
"""
import contextlib
import os

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@contextlib.contextmanager
def session():
    """Join the process group that torchrun describes in the environment, and leave it at the end."""
    started = "RANK" in os.environ and not dist.is_initialized()
    if started:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        if started:
            dist.destroy_process_group()


def active() -> bool:
    """True inside a process group."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's number, 0 alone."""
    return dist.get_rank() if active() else 0


def world_size() -> int:
    """The number of processes, 1 alone."""
    return dist.get_world_size() if active() else 1


def device() -> torch.device:
    """The device of this process: its own GPU (LOCAL_RANK) where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether this processor computes in bf16 faster than in float32.

    Of CPUs those with matrix units (AMX). AVX-512 alone has bf16 too, and was slower with it: 0.30 s a step of 0.23 s.
    """
    return torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_amx_tile_supported()


def autocast(device: torch.device, enabled: bool | None) -> contextlib.AbstractContextManager:
    """bf16 for the networks; the quantiser switches it off for itself. None: where the processor has it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device) if enabled is None else enabled)


def all_reduce(x: Tensor) -> Tensor:
    """(...) -> (...): the sum over all processes, in place."""
    if world_size() > 1:
        dist.all_reduce(x)
    return x


def gather_batch(x: Tensor) -> Tensor:
    """(B/world, ...) -> (B, ...): the global batch on every process, in the order that one process would have."""
    if world_size() == 1:
        return x
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.stack(parts, dim=1).flatten(0, 1)


def share(indices: Tensor) -> Tensor:
    """(B,) -> (B/world,): this process's share of a global batch.

    Raises ValueError where the batch does not divide evenly, since means would then weigh pictures unequally.
    """
    if len(indices) % world_size():
        raise ValueError(f"a batch of {len(indices)} does not divide among {world_size()} processes")
    return indices[rank()::world_size()]


def wrap(model: nn.Module) -> nn.Module:
    """A model whose gradients are averaged over all processes; the model itself where there is but one.

    Codebook statistics are all-reduced by the quantiser, so buffers need no broadcast; a codebook that is a
    parameter has no gradient while the training runs without quantisation, hence find_unused_parameters.
    """
    if world_size() == 1:
        return model
    return DistributedDataParallel(model, broadcast_buffers=False, find_unused_parameters=True)


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside `wrap`."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def barrier() -> None:
    """Wait for all processes."""
    if world_size() > 1:
        dist.barrier()
