"""Device and thread settings of PyTorch."""

from __future__ import annotations

import torch

from impasto.errors import InputError


def choose_device(name: str) -> torch.device:
    """Return the device of a name; ``auto`` selects a GPU if available.

    Raises:
        InputError: the device is unknown to PyTorch, or not available.
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
    """Set the number of PyTorch threads unless None; return the number in use."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()
