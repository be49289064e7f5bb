"""One training on several processes: who this process is, and what the processes tell each other.

`torchrun --nproc-per-node N -m bitlogic train ...` starts them. Each holds the whole model and the data, takes its
share of every batch, and averages the gradients with the others (DistributedDataParallel). Process 0 alone measures
and writes. Alone, every function here is the identity.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bitlogic.errors import BitlogicError


@dataclass(frozen=True)
class World:
    """This process among all."""

    rank: int
    size: int
    device: torch.device

    @property
    def writes(self) -> bool:
        """Whether this process is the one that measures, prints and writes."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process' part of a batch along its first axis."""
        return batch[self.rank :: self.size]

    def mean(self, values: Tensor) -> Tensor:
        """Numbers averaged over the processes."""
        if self.size > 1:
            dist.all_reduce(values)
            values = values / self.size
        return values

    def gather(self, value: Any) -> list[Any]:
        """Every process' value, by rank."""
        values = [value]
        if self.size > 1:
            values = [None] * self.size
            dist.all_gather_object(values, value)
        return values

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over the processes; parameters and buffers become those of rank 0."""
        if self.size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        # Encoder and connections are the same everywhere and stay so: no need to send them in every step.
        return DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Ends all processes with an error when one of them meets a mistake of the user inside.

        Raises:
            BitlogicError: only another process met one; the message is its own.
        """
        mistake: Exception | None = None
        try:
            yield
        except Exception as error:
            mistake = error
        messages = self.gather(None if mistake is None else str(mistake))
        if mistake is not None:
            raise mistake
        for rank, message in enumerate(messages):
            if message is not None:
                raise BitlogicError(f"process {rank}: {message}")


@contextmanager
def join_world(device: str) -> Iterator[World]:
    """The world of this process, joined for the time of the block where torchrun has started several.

    Args:
        device: `auto`, `cpu`, `cuda` or another device of torch; several processes on CUDA take one device each.

    Raises:
        ValueError: there is no such device here.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = _device(device)
    joined = size > 1 and not dist.is_initialized()
    if joined:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank, size, chosen) if size > 1 else World(0, 1, chosen)
    finally:
        if joined:
            dist.destroy_process_group()


def is_writer() -> bool:
    """Whether this process, by torchrun's word, is the one that prints and writes."""
    return os.environ.get("RANK", "0") == "0"


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda":
            if device.index is None:
                device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            if device.index >= torch.cuda.device_count():
                raise ValueError(f"there is no device {str(device)!r} here, but {torch.cuda.device_count()} of CUDA")
            torch.cuda.set_device(device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"there is no device {name!r} here: {str(error).splitlines()[0]}") from error
    return device
