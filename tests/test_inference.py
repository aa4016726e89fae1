"""A net over many images equals the net over each of them."""

from __future__ import annotations

import numpy as np
import torch

from course_utils import inference, nets


def test_batches_do_not_change_the_answer_and_the_order_is_that_of_the_indices(monkeypatch) -> None:
    net = nets.small_cnn(3, ("a", "b"), size=16, width=8).train()
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), dtype=np.uint8)
    indices = np.array([7, 3, 30, 30, 0, 39, 12])
    monkeypatch.setattr(inference, "MOST_NUMBERS", 3 * 3 * 16 * 16)
    found = inference.outputs(net, images, indices)
    assert net.training
    net.eval()
    for row, index in enumerate(indices):
        alone = net(torch.from_numpy(images[index : index + 1]).float() / 255)
        torch.testing.assert_close(found.features[row], alone.features[0].detach(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found.logits[row], alone.logits[0].detach(), atol=1e-5, rtol=1e-4)


def test_a_batch_is_its_share_of_memory_and_one_more_where_it_would_be_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(inference, "MOST_NUMBERS", 1000)
    sizes = [len(batch) for batch in inference.batches(np.zeros((10, 1, 20, 20), np.uint8), np.arange(9))]
    assert sizes == [2, 2, 2, 3]
    large = [len(batch) for batch in inference.batches(np.zeros((3, 3, 64, 64), np.uint8), np.arange(3))]
    assert large == [1, 1, 1]


def test_features_pass_as_they_are() -> None:
    features = np.random.default_rng(0).normal(5, 9, (6, 4)).astype(np.float32)
    (batch,) = inference.batches(features, np.arange(6))
    assert torch.equal(batch, torch.from_numpy(features))
