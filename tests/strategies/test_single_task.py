"""One task alone: one head, weight one."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import SingleTask, State
from mtlray.testing import TASKS


def test_trains_its_task_and_no_other():
    assert SingleTask(task="right").trains(TASKS) == (TASKS[1],)
    objective, weights, _ = SingleTask(task="right").combine(torch.tensor([[3.0], [4.0]]), State())
    assert objective.tolist() == [3.0, 4.0]
    assert weights.tolist() == [[1.0], [1.0]]


def test_label_names_the_task():
    assert SingleTask(task="left").label == "stl:left"


def test_unknown_task_is_refused_with_the_closest_match():
    SingleTask(task="right").check(TASKS)
    with pytest.raises(SpecError) as caught:
        SingleTask(task="rigt").check(TASKS)
    assert str(caught.value) == "There is no task `rigt`. Did you mean `right`? Valid names: left, right, scale."
