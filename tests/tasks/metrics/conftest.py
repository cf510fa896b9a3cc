"""How the tests of metrics run one over a split that is cut into batches."""

import pytest
import torch


@pytest.fixture
def measure():
    def run(metric, prediction, target, sizes):
        kept = metric.init(prediction.shape[0], torch.device("cpu"))
        for p, t in zip(torch.split(prediction, sizes, dim=1), torch.split(target, sizes, dim=1), strict=True):
            kept = metric.update(kept, p, t)
        return metric.compute(kept).tolist()

    return run
