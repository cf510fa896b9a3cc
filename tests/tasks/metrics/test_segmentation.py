"""Mean IoU and pixel accuracy against loops over pixels, with absent classes, unlabelled images and a last batch of one."""

import math

import numpy as np
import pytest
import torch

from mtlray.tasks.metrics import MeanIoU, MeanIoULegacy, PixelAccuracy, PixelAccuracyLegacy

N = 13


def scene(seed, *, n_images=5, present=N, unlabelled=()):
    """Scores and labels of two seeds; only the first `present` classes are labelled or predicted."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, n_images, N, 4, 5, generator=rng)
    scores[:, :, present:] = -9
    labels = torch.randint(-1, present, (2, n_images, 4, 5), generator=rng)
    labels[:, list(unlabelled)] = -1
    return scores, labels


def slow_global(scores, labels):
    hits, either = [0] * N, [0] * N
    right = labelled = 0
    for image, truth in zip(scores.argmax(1), labels, strict=True):
        for given, true in zip(image.flatten().tolist(), truth.flatten().tolist(), strict=True):
            if true < 0:
                continue
            labelled += 1
            right += given == true
            for c in {given, true}:
                either[c] += 1
                hits[c] += given == true
    ious = [h / e for h, e in zip(hits, either, strict=True) if e]
    return (100 * sum(ious) / len(ious), 100 * right / labelled) if labelled else (math.nan, math.nan)


def slow_legacy(scores, labels, batch=2):
    mious, accuracies = [], []
    for start in range(0, len(labels), batch):
        of_images, of_accuracies = [], []
        for image, truth in zip(scores[start : start + batch].argmax(1), labels[start : start + batch], strict=True):
            ious = []
            for c in range(N):
                union = ((image == c) | (truth == c)).sum().item()  # unlabelled pixels that were given c are in it
                if union:
                    ious.append(((image == c) & (truth == c)).sum().item() / union)
            of_images.append(sum(ious) / len(ious))
            if (truth >= 0).any():
                of_accuracies.append((image == truth).sum().item() / (truth >= 0).sum().item())
        mious.append(np.mean(of_images))
        if of_accuracies:
            accuracies.append(np.mean(of_accuracies))
    return 100 * np.mean(mious), 100 * np.mean(accuracies) if accuracies else math.nan


@pytest.mark.parametrize("sizes", [[5], [2, 2, 1], [4, 1]], ids=str)
@pytest.mark.parametrize("case", [{}, {"present": 4}, {"unlabelled": (1,)}, {"unlabelled": (4,)}], ids=str)
def test_as_the_slow_references(measure, case, sizes):
    scores, labels = scene(3, **case)
    for slow, miou, accuracy in (
        (slow_global, MeanIoU(N), PixelAccuracy(N)),
        (slow_legacy, MeanIoULegacy(N), PixelAccuracyLegacy(N)),
    ):
        expected = [slow(s, t) for s, t in zip(scores, labels, strict=True)]
        assert measure(miou, scores, labels, sizes) == pytest.approx([e[0] for e in expected], abs=1e-6)
        assert measure(accuracy, scores, labels, sizes) == pytest.approx([e[1] for e in expected], abs=1e-6)


def test_by_hand(measure):
    labels = torch.tensor([[[[0, 0], [1, -1]]]])
    given = torch.tensor([[[[0, 1], [1, 1]]]])
    scores = torch.nn.functional.one_hot(given, N).permute(0, 1, 4, 2, 3).float()
    assert measure(MeanIoU(N), scores, labels, [1]) == pytest.approx([50])  # 1/2 and 1/2
    assert measure(MeanIoULegacy(N), scores, labels, [1]) == pytest.approx([100 * (1 / 2 + 1 / 3) / 2])
    assert measure(PixelAccuracy(N), scores, labels, [1]) == pytest.approx([200 / 3])
    assert measure(PixelAccuracyLegacy(N), scores, labels, [1]) == pytest.approx([200 / 3])


def test_without_any_label_there_is_nothing_to_measure(measure):
    scores, labels = scene(0, unlabelled=range(5))
    for metric in (MeanIoU(N), PixelAccuracy(N), PixelAccuracyLegacy(N)):
        assert all(map(math.isnan, measure(metric, scores, labels, [5])))


def test_the_metrics_over_the_set_share_one_confusion_matrix():
    assert MeanIoU(N).group == PixelAccuracy(N).group != MeanIoU(4).group
