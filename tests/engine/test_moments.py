"""Means, covariances and their transport, compared to NumPy, SciPy and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from impasto.moments import Moments, barycenter, mixture, moments, root, trace_root, transport, wasserstein2


def samples(seed: int, channels: int = 5, count: int = 40) -> Tensor:
    """Correlated float64 samples ``(C, N)`` with a mean."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn((channels, channels), generator=generator, dtype=torch.float64)
    shift = torch.randn((channels, 1), generator=generator, dtype=torch.float64)
    return mix @ torch.randn((channels, count), generator=generator, dtype=torch.float64) + shift


def close(found: Tensor, wanted: object, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found.numpy(), np.asarray(wanted), rtol=tolerance, atol=tolerance)


def test_moments_are_those_of_numpy() -> None:
    x = samples(0)
    found = moments(x)
    close(found.mean, x.numpy().mean(1))
    close(found.cov, np.cov(x.numpy(), bias=True))
    close(found.second, x.numpy() @ x.numpy().T / 40)


def test_moments_of_a_batch_are_those_of_each() -> None:
    batch = torch.stack([samples(0), samples(1)])
    found = moments(batch)
    for index in range(2):
        close(found.cov[index], moments(batch[index]).cov)


def test_moments_of_weighted_sums_are_those_of_numpy() -> None:
    x, w = samples(2), torch.linspace(0.1, 1, 40, dtype=torch.float64)
    found = Moments.from_sums(w.sum(), (x * w).sum(-1), (x * w) @ x.mT)
    close(found.mean, np.average(x.numpy(), axis=1, weights=w.numpy()))
    close(found.cov, np.cov(x.numpy(), bias=True, aweights=w.numpy()))


@pytest.mark.parametrize("count", [40, 3])
def test_a_root_squared_is_the_matrix(count: int) -> None:
    cov = moments(samples(3, count=count)).cov
    half = root(cov)
    close(half @ half, cov)
    close(half, half.mT)
    if count == 40:
        close(half, scipy.linalg.sqrtm(cov.numpy()).real)
        close(root(cov, power=-0.5) @ half, np.eye(5))


def test_roots_of_nothing_are_finite() -> None:
    nothing = torch.zeros(4, 4)
    assert (root(nothing) == 0).all()
    assert torch.isfinite(root(nothing, power=-0.5)).all()
    matrix, _ = transport(Moments(torch.zeros(4), nothing), Moments(torch.ones(4), torch.eye(4)))
    assert torch.isfinite(matrix).all()


def by_scipy(one: Moments, other: Moments) -> float:
    half = scipy.linalg.sqrtm(other.cov.numpy())
    inner = scipy.linalg.sqrtm(half @ one.cov.numpy() @ half)
    means = float((one.mean - other.mean).square().sum())
    return means + float(np.trace(one.cov.numpy() + other.cov.numpy() - 2 * inner.real))


@pytest.mark.parametrize("seed", range(4))
def test_the_wasserstein_distance_is_that_of_scipy(seed: int) -> None:
    one, other = moments(samples(seed)), moments(samples(seed + 10))
    found = wasserstein2(one, root(other.cov), other)
    assert float(found) == pytest.approx(by_scipy(one, other), rel=1e-6)
    assert float(wasserstein2(other, root(one.cov), one)) == pytest.approx(float(found), rel=1e-6)
    assert float(wasserstein2(one, root(one.cov), one)) == pytest.approx(0, abs=1e-6)


def test_the_wasserstein_distance_of_diagonal_gaussians_is_the_closed_form() -> None:
    a, b = torch.tensor([4.0, 1.0, 0.25]), torch.tensor([1.0, 9.0, 0.0])
    one, other = Moments(torch.zeros(3), torch.diag(a)), Moments(torch.ones(3), torch.diag(b))
    wanted = 3 + float((a.sqrt() - b.sqrt()).square().sum())
    assert float(wasserstein2(one, root(other.cov), other)) == pytest.approx(wanted, rel=1e-5)


def test_the_gradient_of_the_trace_is_that_through_an_eigen_decomposition() -> None:
    half = root(moments(samples(5)).cov)
    x = samples(4).requires_grad_()
    (ours,) = torch.autograd.grad(trace_root(moments(x).cov, half), x)
    product = half @ moments(x).cov @ half
    values = torch.linalg.eigvalsh((product + product.mT) / 2)
    (theirs,) = torch.autograd.grad(values.sqrt().sum(), x)
    close(ours, theirs.numpy(), 1e-8)


def test_the_gradient_of_the_distance_is_that_of_finite_differences() -> None:
    other = moments(samples(5))
    half = root(other.cov)
    x = samples(4, count=8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: wasserstein2(moments(x), half, other), x)


@pytest.mark.parametrize(("ours", "theirs"), [(3, 40), (40, 3), (3, 3), (2, 1), (1, 40)])
def test_fewer_positions_than_channels_are_finite(ours: int, theirs: int) -> None:
    for dtype in (torch.float32, torch.float64):
        x, y = samples(6, count=ours).to(dtype).requires_grad_(), samples(7, count=theirs).to(dtype)
        one, other = moments(x), moments(y)
        value = wasserstein2(one, root(other.cov), other)
        (gradient,) = torch.autograd.grad(value, x)
        # With centered samples A and B, tr (S^1/2 T S^1/2)^1/2 is the sum of singular values of A^T B.
        a, b = (v.detach().double() - v.detach().double().mean(-1, keepdim=True) for v in (x, y))
        joint = float(torch.linalg.svdvals(a.mT @ b).sum()) / (ours * theirs) ** 0.5
        means = float((one.mean - other.mean).detach().square().sum())
        wanted = means + float(a.square().sum()) / ours + float(b.square().sum()) / theirs - 2 * joint
        assert float(value.detach()) == pytest.approx(wanted, rel=2e-3)
        # The pull of a position is at most its distance from a target position; a thousandfold is noise.
        assert float(gradient.norm()) < 100 * float(value.detach()) ** 0.5


@pytest.mark.parametrize("colour", [(0.3, 7.1, 100.3, 0.0), (0.5, 2.0, 8.0, 0.0), (0.0, 0.0, 0.0, 0.0)])
def test_a_plain_picture_is_not_torn_apart(colour: tuple[float, ...]) -> None:
    # All positions equal: the covariance is zero, or rounding, neither of which must be blown up.
    x = (torch.tensor(colour)[:, None] * torch.ones(1, 1000)).requires_grad_()
    count = torch.tensor(1000.0)
    found = Moments.from_sums(count, x.sum(-1), x @ x.mT)
    other = moments(samples(8, channels=4).float())
    half = root(other.cov)
    (gradient,) = torch.autograd.grad(trace_root(found.cov, half), x)
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().max()) < 1


def test_transport_brings_the_moments_of_one_to_those_of_the_other() -> None:
    x, target = samples(0), moments(samples(1))
    matrix, shift = transport(moments(x), target)
    moved = moments(matrix @ x + shift[:, None])
    close(moved.mean, target.mean, 1e-8)
    close(moved.cov, target.cov, 1e-8)
    # Optimal: of all the maps that do, the symmetric positive one moves the least.
    close(matrix, matrix.mT, 1e-8)
    assert float(torch.linalg.eigvalsh((matrix + matrix.mT) / 2).min()) > 0
    cost = (matrix @ x + shift[:, None] - x).square().sum(0).mean()
    assert float(cost) == pytest.approx(float(wasserstein2(moments(x), root(target.cov), target)), rel=1e-6)


def test_a_mixture_is_what_one_sees_side_by_side() -> None:
    one, two = samples(0, count=30), samples(1, count=10)
    found = mixture([moments(one), moments(two)], [0.75, 0.25])
    wanted = moments(torch.cat([one, two], -1))
    close(found.mean, wanted.mean)
    close(found.cov, wanted.cov)


def test_the_barycenter_of_diagonal_gaussians_is_the_closed_form() -> None:
    spreads = torch.tensor([[4.0, 1.0, 0.25], [1.0, 9.0, 0.0]], dtype=torch.float64)
    means = torch.tensor([[1.0, 0, 0], [0, 2, 0]], dtype=torch.float64)
    parts = [Moments(m, torch.diag(s)) for m, s in zip(means, spreads, strict=True)]
    found = barycenter(parts, [0.3, 0.7])
    close(found.mean, 0.3 * means[0] + 0.7 * means[1], 1e-6)
    wanted = (0.3 * spreads[0].sqrt() + 0.7 * spreads[1].sqrt()).square()
    close(found.cov, torch.diag(wanted).numpy(), 1e-6)


def test_the_barycenter_is_nearer_to_all_than_its_neighbors() -> None:
    parts, weights = [moments(samples(s)) for s in range(3)], [0.2, 0.5, 0.3]

    def cost(middle: Moments) -> float:
        far = [float(wasserstein2(middle, root(p.cov), p)) for p in parts]
        return sum(w * f for w, f in zip(weights, far, strict=True))

    found = barycenter(parts, weights)
    least = cost(found)
    for seed in range(5):
        nudge = 1e-2 * samples(seed + 20, count=5)
        assert cost(Moments(found.mean, found.cov + nudge @ nudge.mT)) > least
        # Also in a direction that shrinks some variances.
        turned = torch.eye(5, dtype=torch.float64) + nudge
        assert cost(Moments(found.mean, turned @ found.cov @ turned.mT)) > least
    assert least < cost(mixture(parts, weights))


@pytest.mark.parametrize("blend", [mixture, barycenter])
def test_a_blend_of_one_is_that_one(blend: object) -> None:
    one, two = moments(samples(0)), moments(samples(1, count=2))
    found = blend([one, two], [1.0, 0.0])  # type: ignore[operator]
    close(found.mean, one.mean)
    close(found.cov, one.cov)
    close(blend([one, one], [0.4, 0.6]).cov, one.cov, 1e-8)  # type: ignore[operator]


def test_a_barycenter_of_flat_gaussians_is_finite() -> None:
    parts = [moments(samples(s, channels=12, count=3).float()) for s in range(2)]
    found = barycenter(parts, [0.5, 0.5])
    assert torch.isfinite(found.cov).all()
    assert float(torch.linalg.eigvalsh(found.cov).min()) > -1e-5 * float(found.cov.trace())
    assert float(found.cov.trace()) < 2 * max(float(p.cov.trace()) for p in parts)


def test_a_root_that_float32_cannot_find_is_found_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    eigh = torch.linalg.eigh

    def failing(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if matrix.dtype == torch.float32:
            raise RuntimeError("it failed to converge")
        values, vectors = eigh(matrix)
        return values, vectors

    draw = torch.randn((6, 4), generator=torch.Generator().manual_seed(0))
    matrix = draw @ draw.mT
    monkeypatch.setattr(torch.linalg, "eigh", failing)
    found = root(matrix)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found @ found, matrix, atol=1e-5, rtol=1e-5)
    assert bool(root(matrix * torch.nan).isnan().all())
