"""Where PyTorch computes."""

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
