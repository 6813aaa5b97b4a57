"""OpenMP's threads wait as the user wants, else briefly."""

from __future__ import annotations

import os

import pytest

from impasto import openmp


@pytest.mark.parametrize(
    ("chosen", "spins", "policy"),
    [
        ({}, "5000", "passive"),
        ({"GOMP_SPINCOUNT": "7"}, "7", "passive"),
        ({"OMP_WAIT_POLICY": "active"}, None, "active"),
    ],
)
def test_threads_spin_briefly_unless_the_user_has_chosen(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], spins: str | None, policy: str
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    openmp.wait_briefly()
    assert (os.environ.get("GOMP_SPINCOUNT"), os.environ["OMP_WAIT_POLICY"]) == (spins, policy)
