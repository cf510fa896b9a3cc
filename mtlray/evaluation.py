"""The metrics and the loss of each task over a whole split."""

import torch

from mtlray.data import Examples
from mtlray.models import Pack

# Part of what a trial computes: float32 sums depend on how a split is cut.
EVALUATION_BATCH = 500


@torch.no_grad()
def evaluate(
    pack: Pack, examples: Examples, n_seeds: int, device: torch.device, dtype: torch.dtype
) -> dict[str, list[float]]:
    """`{task}/{metric}` and `{task}/loss` for each seed of the pack; empty where the split has no example."""
    n = len(examples)
    if n == 0:
        return {}
    groups = {(t.name, m.group): m for t in pack.tasks for m in t.metrics}  # one metric of each group updates for all
    kept = {key: metric.init(n_seeds, device) for key, metric in groups.items()}
    losses = torch.zeros(n_seeds, len(pack.tasks), dtype=torch.float64, device=device)
    for start in range(0, n, EVALUATION_BATCH):
        size = min(EVALUATION_BATCH, n - start)
        indices = torch.arange(start, start + size, device=device).expand(n_seeds, -1)
        predictions = pack.predict(examples.inputs.gather(indices, dtype))
        for column, (task, prediction) in enumerate(zip(pack.tasks, predictions, strict=True)):
            target = examples.targets[task.name].gather(indices, dtype)
            losses[:, column] += size * task.loss(prediction, target).double()
            for (name, group), metric in groups.items():
                if name == task.name:
                    kept[name, group] = metric.update(kept[name, group], prediction, target)
    values = {f"{t.name}/{m.name}": m.compute(kept[t.name, m.group]).tolist() for t in pack.tasks for m in t.metrics}
    mean_losses = (losses / n).T.tolist()
    return values | {f"{task.name}/loss": mean_losses[column] for column, task in enumerate(pack.tasks)}
