import io
import itertools

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from course_utils.evaluation import maps
from course_utils.evaluation.distances import Mix


def approaching_clouds(epochs=4, n=150, d=32, gap=8.0):
    """Two clouds that drift into each other: far apart in the first epoch, one cloud in the last."""
    random = np.random.default_rng(0)
    away = random.normal(size=d)
    away *= gap / np.linalg.norm(away)
    sources, targets = random.normal(size=(2, n, d))
    noise = 0.2 * random.normal(size=(2, epochs, n, d))
    distance = np.linspace(1, 0, epochs)[:, None, None]
    return sources + noise[0], targets + noise[1] + distance * away


@pytest.fixture(scope="module")
def clouds():
    return approaching_clouds()


@pytest.fixture(scope="module")
def warm(clouds):
    return maps.epoch_maps(*clouds)


@pytest.fixture(scope="module")
def cold(clouds):
    return maps.epoch_maps(*clouds, warm=False)


def points(shift):
    return np.concatenate([shift.source, shift.target])


def mixes(sequence):
    return np.array([shift.map_mix.share for shift in sequence])


def test_warm_maps_mix_as_cold_maps_do(warm, cold):
    np.testing.assert_allclose(mixes(warm), mixes(cold), atol=0.05)
    assert mixes(cold)[0] < 0.05
    assert mixes(cold)[-1] > 0.4


def test_a_start_from_the_full_size_map_would_be_found_out(clouds, cold, monkeypatch):
    """The defect that the shrinking repairs: points cannot pass each other, and the clouds stay apart."""
    monkeypatch.setattr(maps, "_shrunk", lambda points: points)
    monkeypatch.setattr(maps, "WARM", (0, 100))
    naive = maps.epoch_maps(*clouds)
    assert np.abs(mixes(naive) - mixes(cold)).max() > 0.1


def test_warm_maps_are_as_trustworthy_as_cold_maps(clouds, warm, cold):
    for source, target, one, other in zip(*clouds, warm, cold, strict=True):
        joint = np.concatenate([source, target])
        quality = [trustworthiness(joint, points(shift), n_neighbors=10) for shift in (one, other)]
        assert quality[0] == pytest.approx(quality[1], abs=0.02)
        assert min(quality) > 0.7


@pytest.mark.parametrize("sequence", ["warm", "cold"])
def test_no_turn_or_mirror_brings_a_map_closer_to_the_one_before(sequence, request):
    sequence = request.getfixturevalue(sequence)
    for before, after in itertools.pairwise(sequence):
        still = points(before) - points(before).mean(0)
        np.testing.assert_allclose(points(after).mean(0), points(before).mean(0), atol=1e-6)
        moved = points(after) - points(after).mean(0)
        rest = ((moved - still) ** 2).sum()
        for angle in np.linspace(0.05, 2 * np.pi - 0.05, 60):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            assert ((moved @ turn - still) ** 2).sum() > rest
            assert ((moved * (1, -1) @ turn - still) ** 2).sum() >= rest


def test_laying_over_undoes_a_turn_a_mirror_and_a_move_and_keeps_the_size():
    before = np.random.default_rng(0).normal(size=(40, 2))
    turned = before[:, ::-1] * (1, -1) + 7
    np.testing.assert_allclose(maps._laid_over(before, turned), before, atol=1e-9)
    mirrored = before * (-1, 1)
    np.testing.assert_allclose(maps._laid_over(before, mirrored), before, atol=1e-9)
    assert np.ptp(maps._laid_over(before, 3 * turned)) == pytest.approx(3 * np.ptp(before), rel=0.05)


def test_the_first_epoch_is_the_single_map_and_a_seed_repeats_bit_for_bit(clouds, warm):
    alone = maps.shift_map(clouds[0][0], clouds[1][0])
    np.testing.assert_array_equal(points(alone), points(warm[0]))


def test_both_domains_share_one_embedding():
    """Target points that copy source points land on them; two embeddings would put them anywhere."""
    source = np.random.default_rng(0).normal(size=(60, 8))
    shift = maps.shift_map(source, source[:30].copy())
    gap = np.linalg.norm(shift.source[:30] - shift.target, axis=1)
    assert np.median(gap) < 0.02 * np.ptp(points(shift))


def test_the_mix_of_the_features_stands_beside_the_mix_of_the_map(clouds, warm):
    from course_utils.evaluation.distances import cross_domain_neighbours

    for source, target, shift in zip(*clouds, warm, strict=True):
        assert shift.feature_mix == cross_domain_neighbours(source, target)
        assert shift.map_mix == cross_domain_neighbours(shift.source, shift.target)


@pytest.mark.parametrize("n", [6, 10, 45, 46])
def test_small_sets_are_mapped_in_silence(n, capfd, caplog):
    shift = maps.shift_map(*np.random.default_rng(0).normal(size=(2, n, 5)))
    assert shift.source.shape == shift.target.shape == (n, 2)
    assert np.isfinite(points(shift)).all()
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == [], "a warning is a red block in the notebook"


def test_later_epochs_are_mapped_in_silence(capfd, caplog):
    maps.epoch_maps(*approaching_clouds(epochs=2, n=30))
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def test_a_packed_map_survives_a_file(warm):
    file = io.BytesIO()
    np.savez(file, **maps.pack_map(warm[1]))
    file.seek(0)
    with np.load(file) as packed:
        assert packed["source"].dtype == np.uint16
        restored = maps.unpack_map(packed)
    np.testing.assert_allclose(points(restored), points(warm[1]), atol=np.ptp(points(warm[1])) / 130_000)
    assert (restored.map_mix, restored.feature_mix) == (warm[1].map_mix, warm[1].feature_mix)
    assert isinstance(restored.map_mix, Mix)


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        (np.zeros((5, 3)), np.ones((6, 3)), "A map of 11 points"),
        (np.ones((20, 3)), np.ones((20, 3)), "All features are the same point"),
        (np.ones((20, 3)), np.full((20, 3), np.nan), "NaN or infinity"),
    ],
)
def test_what_cannot_be_mapped_is_refused_in_words(source, target, sentence):
    with pytest.raises(ValueError, match=sentence):
        maps.shift_map(source, target)
