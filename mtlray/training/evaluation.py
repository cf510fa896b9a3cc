"""The metrics and the loss of each task over a whole split."""

from contextlib import closing

import torch

from mtlray.data import Examples
from mtlray.data.labels import Labelled
from mtlray.models import Networks
from mtlray.training.predicting import predict


@torch.no_grad()
def evaluate(
    networks: Networks, examples: Examples, batch: int = 500, labelled: Labelled | None = None
) -> dict[str, list[float]]:
    """`{task}/{metric}` and `{task}/loss` for each seed; empty where the split has no example.

    The split is cut into batches of `batch` examples. Losses are the mean over batches, weighted by their sizes, or where
    `labelled` says which labels are there, by their numbers of labels; a task without any has none.
    """
    n, device = len(examples), networks.device
    if n == 0:
        return {}
    groups = {
        (t.name, m.group): m for t in networks.tasks for m in t.metrics
    }  # one metric of each group updates for all
    kept = {key: metric.init(networks.n_seeds, device) for key, metric in groups.items()}
    losses = torch.zeros(networks.n_seeds, len(networks.tasks), dtype=torch.float64, device=device)
    counts = [[min(batch, n - start)] * len(networks.tasks) for start in range(0, n, batch)]
    if labelled is not None:
        counts = [labels.sum(dim=0).tolist() for labels in torch.split(labelled, batch)]
    with closing(predict(networks, examples, batch)) as predicted:
        for number, (predictions, targets) in enumerate(predicted):
            for column, (task, prediction, target) in enumerate(zip(networks.tasks, predictions, targets, strict=True)):
                if counts[number][column]:
                    losses[:, column] += counts[number][column] * task.loss(prediction, target).double()
                for (name, group), metric in groups.items():
                    if name == task.name:
                        kept[name, group] = metric.update(kept[name, group], prediction, target)
    values = {
        f"{t.name}/{m.name}": m.compute(kept[t.name, m.group]).tolist() for t in networks.tasks for m in t.metrics
    }
    totals = n if labelled is None else labelled.sum(dim=0).to(losses)
    mean_losses = (losses / totals).T.tolist()
    known = [any(of_batch[column] for of_batch in counts) for column in range(len(networks.tasks))]
    return values | {f"{t.name}/loss": mean_losses[column] for column, t in enumerate(networks.tasks) if known[column]}
