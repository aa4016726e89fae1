"""CDAN and CDAN+E against the explicit min-max game, in double precision."""

from __future__ import annotations

import math

import pytest
import scipy
import torch

import course_utils as cu
from course_utils.adapters.base import Adapter
from course_utils.data.batches import View
from tests.adapters.games import assert_same, built, double, gradients, leaves, log_loss, wide
from tests.toys import FAST, feature_pair

METHODS = pytest.mark.parametrize("method", [cu.CDAN, cu.CDANE])


def shown(adapter: Adapter, features: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """T(f, g), written out."""
    g = torch.from_numpy(scipy.special.softmax(logits.detach().double().numpy(), axis=1))
    if adapter.map.of_features is None:
        return torch.einsum("nd,nk->ndk", features, g).reshape(len(g), -1)
    r_f, r_g = adapter.map.of_features.double(), adapter.map.of_classes.double()
    return torch.stack([(r_f @ f) * (r_g @ p) for f, p in zip(features, g, strict=True)]) / math.sqrt(len(r_f))


def sureness(view: View) -> torch.Tensor:
    p = scipy.special.softmax(view.logits.detach().double().numpy(), axis=1)
    return 1 + torch.exp(-torch.from_numpy(scipy.stats.entropy(p, axis=1)))


@METHODS
@pytest.mark.parametrize("map_width", [4096, 5], ids=["product", "randomised"])
@pytest.mark.parametrize(
    ("weight", "progress", "n", "m"), [(1.0, 0.25, 6, 5), (0.3, 1.0, 6, 5), (1.0, 0.0, 6, 5), (1.0, 0.25, 5, 3)]
)
def test_the_gradients_are_those_of_the_explicit_game(
    method: type, map_width: int, weight: float, progress: float, n: int, m: int
) -> None:
    """Row 3: features climb the critic's loss with strength λ; the critic descends it at full strength.

    Row 7: five and three are no halves of eight.
    Row 19: nothing flows back through the predictions, into the entropy neither.
    """
    adapter = built(method(weight=weight, smoothing=0.1, map_width=map_width))
    source, target = leaves(n, m)
    adapter.loss(source, target, progress)["domain"].backward()

    critic = wide(adapter.critic)
    here, there = double(source.features, target.features)
    both = torch.cat([shown(adapter, here, source.logits), shown(adapter, there, target.logits)])
    weights = (sureness(source), sureness(target)) if method is cu.CDANE else (None, None)
    domain = critic(both)
    ((log_loss(domain[:n], 0.95, weights[0]) + log_loss(domain[n:], 0.05, weights[1])) / 2).backward()

    strength = weight * math.tanh(5 * progress)
    assert_same([source.features.grad, target.features.grad], [here.grad, there.grad], -strength)
    assert_same(gradients(adapter.critic), gradients(critic))
    assert source.logits.grad is None and target.logits.grad is None
    assert all(g.norm() > 0 for g in gradients(adapter.critic)[::4])


@METHODS
def test_the_task_is_the_source_alone_and_reaches_the_logits(method: type) -> None:
    source, target = leaves()
    built(method()).loss(source, target, 1.0)["task"].backward()
    expected = (source.logits.detach().softmax(1) - torch.nn.functional.one_hot(source.labels, 3)) / 6
    torch.testing.assert_close(source.logits.grad, expected)
    assert target.logits.grad is None and source.features.grad is None


@pytest.mark.parametrize(("map_width", "width"), [(11, 11), (12, 12), (4096, 12)])
def test_the_product_is_shown_whole_until_it_is_too_wide(map_width: int, width: int) -> None:
    adapter = built(cu.CDAN(map_width=map_width))
    assert adapter.map.width == adapter.critic[0].in_features == width
    assert (adapter.map.of_features is None) == (map_width >= 12)


@METHODS
def test_a_saved_critic_finds_its_random_map_again(method: type) -> None:
    """Row 19: as plain attributes the matrices would be drawn anew, and the critic would judge by another map."""
    source, target = leaves()
    first, other = built(method(map_width=5), seed=1), built(method(map_width=5), seed=2)
    expected = first.loss(source, target, 1.0)["domain"].item()
    assert other.loss(source, target, 1.0)["domain"].item() != pytest.approx(expected, abs=1e-4)
    other.load_state_dict(first.state_dict())
    assert other.loss(source, target, 1.0)["domain"].item() == expected
    assert first.loss(source, target, 1.0)["domain"].item() == expected


def test_the_map_is_no_parameter() -> None:
    run = cu.fit(cu.CDAN(map_width=5), feature_pair(), **FAST)
    moved = {id(p) for o in run.optimisers.values() for g in o.param_groups for p in g["params"]}
    assert not {id(b) for b in run.adapter.map.buffers()} & moved
    assert len(list(run.adapter.map.buffers())) == 2 and not list(run.adapter.map.parameters())


def test_it_sees_what_dann_cannot_see() -> None:
    """
    Features alike in both domains, but each class in the other's place:

              class a   class b
    source      +1        -1
    target      -1        +1
    """
    sign = torch.tensor([1.0, -1.0]).repeat(32)[:, None]
    features = torch.cat([sign, torch.zeros(64, 3)], 1) + 0.1 * torch.randn(64, 4)
    logits = 5 * torch.cat([sign, -sign, torch.full((64, 1), -2.0)], 1)
    source = View(None, torch.arange(64), torch.arange(64) % 2, features, logits)
    target = View(None, torch.arange(64), None, features, logits[:, [1, 0, 2]])

    def trained(adapter: Adapter) -> float:
        optimiser = torch.optim.Adam(adapter.critic.parameters(), lr=1e-2)
        for _ in range(30):
            optimiser.zero_grad()
            loss = adapter.loss(source, target, 0.0)["domain"]
            loss.backward()
            optimiser.step()
        return loss.item()

    assert trained(built(cu.DANN(smoothing=0.0))) == pytest.approx(math.log(2), abs=0.05)
    assert trained(built(cu.CDAN(smoothing=0.0))) < 0.05
    assert trained(built(cu.CDANE(smoothing=0.0, map_width=11))) < 0.05


def test_sure_images_count_more_under_entropy_conditioning() -> None:
    """The critic's loss with weights lies nearer to that of the sure image than the plain mean does."""
    source, target = leaves()
    source.logits = torch.cat([torch.full((1, 3), 0.0) + 50 * torch.eye(3)[:1], torch.zeros(5, 3)])
    plain, weighted = built(cu.CDAN()), built(cu.CDANE())
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), weighted.parameters(), strict=True))
        terms = [a.loss(source, target, 1.0)["domain"].item() for a in (plain, weighted)]
    assert terms[0] != pytest.approx(terms[1], abs=1e-4)
