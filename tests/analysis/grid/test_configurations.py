"""mtlray.analysis.grid.configurations: what varies is named, and a choice at the edge is told."""

from mtlray.analysis.grid.configurations import edges, labels, words
from mtlray.analysis.grid.places import Place

PLAIN, DECAYED = "sgd(momentum=0.9)", "sgd(momentum=0.9,weight_decay=0.001)"
GRID = [(optimizer, rate) for optimizer in (PLAIN, DECAYED) for rate in (0.01, 0.1, 1.0)]


def test_every_hyperparameter_that_varies_is_named():
    assert words((DECAYED, 0.1), GRID) == "lr 0.1, weight_decay 0.001"
    assert words((PLAIN, 0.1), GRID) == "lr 0.1, weight_decay 0"
    assert words((PLAIN, 0.1), GRID[:3]) == "lr 0.1"


def test_another_optimizer_is_named_with_its_settings():
    assert words((PLAIN, 0.1), [(PLAIN, 0.1), ("adam", 0.001)]) == "lr sgd(momentum=0.9) 0.1"


def test_rows_are_labelled_where_they_differ():
    chosen = {
        ("d", "equal", Place(1.0)): (PLAIN, 0.1),
        ("d", "equal", Place(0.25)): (DECAYED, 0.1),
        ("d", "dwa", Place(1.0)): (PLAIN, 0.1),
    }
    assert labels(chosen) == {
        ("d", "equal"): "lr 0.1, weight_decay 0/0.1, weight_decay 0.001",
        ("d", "dwa"): "lr 0.1, weight_decay 0",
    }
    assert labels({("d", "equal", Place(1.0)): (PLAIN, 0.1), ("d", "dwa", Place(1.0)): (PLAIN, 0.1)}) == {}


def test_a_choice_at_the_edge():
    assert edges((PLAIN, 1.0), GRID) == ["lr 1, the largest of 3", "weight_decay 0, the smallest of 2"]
    assert edges((PLAIN, 0.1), GRID[:3]) == []
    assert edges((PLAIN, 0.01), GRID[:3]) == ["lr 0.01, the smallest of 3"]
    assert edges(("adam", 0.1), [("adam", 0.1), (PLAIN, 0.1)]) == []


def test_what_labels_show_anyway_is_not_said_again():
    chosen = {("d", "equal", Place(1.0)): (PLAIN, 0.1), ("d", "dwa", Place(1.0)): (DECAYED, 1.0)}
    assert labels(chosen, {"weight_decay"}) == {("d", "equal"): "lr 0.1", ("d", "dwa"): "lr 1"}
    assert labels(chosen, {"weight_decay", "lr"}) == {}
