"""One definition of what tells the cells of a table apart, and the fields of a spec by their dotted names."""

from mtlray.results.configuration import configuration, flat

ENTRY = {"dataset": "d", "strategy": "dwa", "optimizer": "sgd", "learning_rate": 0.1, "fraction": 1, "seed": 0}


def test_seeds_are_of_one_configuration_and_axes_are_not():
    assert configuration(ENTRY) == configuration(ENTRY | {"seed": 1, "fraction": 1.0, "trial_id": "other", "axes": {}})
    for other in ({"strategy": "equal"}, {"learning_rate": 0.2}, {"fraction": 0.5}, {"axes": {"batch_size": 16}}):
        assert configuration(ENTRY) != configuration(ENTRY | other)
    one, two = ({"axes": {"a": 1, "b": 2}}, {"axes": {"b": 2, "a": 1}})
    assert configuration(ENTRY | one) == configuration(ENTRY | two)
    assert configuration(ENTRY | {"axes": {"a": 1}}) != configuration(ENTRY | {"axes": {"a": "1"}})


def test_fields_go_by_their_dotted_names_and_a_part_within_a_part_by_its_own_too():
    spec = {
        "type": "TrialSpec", "versions": {"loop": 2}, "steps": 10,
        "strategy": {"type": "Constant", "weights": [0.3, 0.7]},
        "optimizer": {"type": "SGD", "lr": 0.1, "schedule": {"type": "Cosine", "warmup": 5}},
    }  # fmt: skip
    assert flat(spec) == {
        "steps": 10, "strategy.type": "Constant", "strategy.weights": [0.3, 0.7], "optimizer.type": "SGD", "optimizer.lr": 0.1,
        "optimizer.schedule": "Cosine(warmup=5)", "optimizer.schedule.type": "Cosine", "optimizer.schedule.warmup": 5,
    }  # fmt: skip
