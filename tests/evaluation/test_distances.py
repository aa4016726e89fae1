import numpy as np
import pytest
import torch

from course_utils.evaluation import distances


def cloud(n, d=16, shift=0.0, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def mmd_by_loops(source, target):
    """Gretton et al. 2012, equation 5, pair by pair, with five widths around the mean squared distance."""
    joint = np.concatenate([source, target])
    pairs = [((x - y) ** 2).sum() for i, x in enumerate(joint) for j, y in enumerate(joint) if i != j]
    widths = np.mean(pairs) * np.array([0.25, 0.5, 1, 2, 4])

    def mean_kernel(left, right):
        return np.mean([np.exp(-((x - y) ** 2).sum() / (2 * widths)).mean() for x in left for y in right])

    return mean_kernel(source, source) + mean_kernel(target, target) - 2 * mean_kernel(source, target)


def neighbours_by_sorting(source, target, k):
    joint, domain = np.concatenate([source, target]), np.repeat([0, 1], [len(source), len(target)])
    shares = []
    for i, point in enumerate(joint):
        order = np.argsort(((joint - point) ** 2).sum(1), kind="stable")
        nearest = [j for j in order if j != i][:k]
        shares.append(np.mean(domain[nearest] != domain[i]))
    return np.mean(shares)


def test_mmd_equals_the_double_loop():
    source, target = cloud(20, 3), cloud(13, 3, shift=1, seed=1)
    assert distances.mmd_distance(source, target) == pytest.approx(mmd_by_loops(source, target), abs=1e-9)


def test_mmd_does_not_depend_on_the_unit_of_the_features():
    source, target = cloud(60), cloud(60, shift=0.5, seed=1)
    assert distances.mmd_distance(1000 * source, 1000 * target) == pytest.approx(
        distances.mmd_distance(source, target), rel=1e-6
    )


def test_coral_equals_the_distance_of_the_covariances_of_numpy():
    source, target = cloud(50, 4), 2 * cloud(40, 4, seed=1)
    expected = ((np.cov(source.T) - np.cov(target.T)) ** 2).sum() / (4 * 4**2)
    assert distances.coral_distance(source, target) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("distance", [distances.mmd_distance, distances.coral_distance, distances.proxy_a_distance])
def test_a_distance_grows_with_the_shift_and_is_symmetric(distance):
    near, far = (cloud(100, seed=1) * scale + shift for scale, shift in ((1.0, 0.0), (2.0, 3.0)))
    source = cloud(100)
    assert distance(source, far) > distance(source, near) + 0.1
    assert distance(far, source) == pytest.approx(distance(source, far), abs=0.05)


def test_two_samples_of_one_domain_have_a_proxy_a_distance_near_zero():
    values = [distances.proxy_a_distance(cloud(150, seed=seed), cloud(150, seed=seed + 50)) for seed in range(5)]
    assert 0 <= np.mean(values) < 0.15


def test_separable_domains_have_a_proxy_a_distance_of_two():
    assert distances.proxy_a_distance(cloud(50), cloud(50, shift=20, seed=1)) == 2


def test_the_proxy_a_distance_is_never_below_zero():
    """A classifier can do worse than chance on unseen points; the distance may not."""
    values = [distances.proxy_a_distance(cloud(20, seed=seed), cloud(20, seed=seed + 50)) for seed in range(8)]
    assert min(values) == 0


def test_a_larger_domain_does_not_hide_a_shift():
    """Trained on the counts as they are, the classifier would mostly answer with the larger domain."""
    shifted = cloud(450, 2, shift=1, seed=1)
    equal = distances.proxy_a_distance(cloud(450, 2), shifted)
    assert distances.proxy_a_distance(cloud(450, 2), shifted[:50]) == pytest.approx(equal, abs=0.2)


def test_the_proxy_a_distance_repeats_for_a_seed():
    source, target = cloud(60), cloud(60, shift=0.3, seed=1)
    assert distances.proxy_a_distance(source, target, seed=4) == distances.proxy_a_distance(source, target, seed=4)


@pytest.mark.parametrize("sizes", [(20, 20), (90, 10), (10, 90)])
def test_one_constant_feature_has_no_distance_however_unequal_the_domains(sizes):
    """Always answering with the larger domain is right nine times in ten, and has learned nothing."""
    assert distances.proxy_a_distance(*(np.ones((n, 8)) for n in sizes)) == 0


@pytest.mark.parametrize(("n", "m", "k"), [(30, 30, 10), (40, 15, 5)])
def test_the_share_of_strange_neighbours_equals_the_sorted_distances(n, m, k):
    source, target = cloud(n, 3), cloud(m, 3, shift=0.7, seed=1)
    mix = distances.cross_domain_neighbours(source, target, k)
    assert mix.share == pytest.approx(neighbours_by_sorting(source, target, k), abs=1e-12)
    assert mix.share != pytest.approx(neighbours_by_sorting(source, target, k + 1), abs=1e-4)


def test_a_point_is_not_its_own_neighbour_even_among_copies():
    """Each source point has one copy in the target: with k = 1 the neighbour must be the stranger."""
    source = cloud(20)
    assert distances.cross_domain_neighbours(source, source.copy(), k=1) == (1.0, pytest.approx(39 / 20))


@pytest.mark.parametrize("sizes", [(300, 300), (500, 60)])
def test_random_domains_have_a_normalised_mix_of_one_whatever_their_sizes(sizes):
    mixes = [
        distances.cross_domain_neighbours(cloud(sizes[0], 4, seed=seed), cloud(sizes[1], 4, seed=seed + 50))
        for seed in range(5)
    ]
    assert np.mean([mix.normalised for mix in mixes]) == pytest.approx(1, abs=0.05)


def test_domains_apart_do_not_mix():
    assert distances.cross_domain_neighbours(cloud(30), cloud(30, shift=50)) == (0, 0)


def test_tensors_with_gradient_and_arrays_give_one_number():
    source, target = cloud(30), cloud(30, shift=1, seed=1)
    tensor = torch.tensor(source, requires_grad=True)
    assert distances.mmd_distance(tensor, target) == distances.mmd_distance(source, target)


@pytest.mark.parametrize(
    ("distance", "source", "target", "sentence"),
    [
        (distances.mmd_distance, cloud(1), cloud(30), "the source has 1"),
        (distances.coral_distance, cloud(30), cloud(0), "the target has 0"),
        (distances.mmd_distance, cloud(30), np.full((30, 16), np.nan), "target features hold NaN"),
        (distances.proxy_a_distance, cloud(4), cloud(30), "at least 5 points a domain"),
        (distances.cross_domain_neighbours, cloud(5), cloud(5), r"more than 10 points, and there are 5 \+ 5"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(distance, source, target, sentence):
    with pytest.raises(ValueError, match=sentence):
        distance(source, target)
