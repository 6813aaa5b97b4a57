"""Where PyTorch computes, and with how many threads."""

from __future__ import annotations

import torch

from impasto.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU if there is one.

    Raises:
        InputError: a device PyTorch does not know, or that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(":")[0]
        raise InputError(f"device '{name}' cannot be used here ({reason}): try --device cpu") from error
    return device


def use_threads(threads: int | None) -> int:
    """Sets how many threads PyTorch computes with, if that is given; how many they are."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()
