"""Conditions choose trials by their fields, refuse all that is not a comparison, and run nothing."""

import pytest

from mtlray.errors import SpecError
from mtlray.results.conditions import condition

TRIALS = [
    {"strategy": "equal", "strategy.type": "Equal", "fraction": 1.0, "seed": 0, "batch_size": 16, "evaluate_every": 100},
    {"strategy": "dwa", "strategy.temperature": 2, "fraction": 1.0, "seed": 1, "batch_size": 16, "evaluate_every": "epoch"},
    {"strategy": "dwa(temperature=1)", "strategy.temperature": 1, "fraction": 0.25, "seed": 0, "batch_size": 128, "on": True},
    {"strategy": "stl:left", "strategy.task": "left", "fraction": 0.25, "seed": 1, "batch_size": 128, "optimizer.lr": 0.1},
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("fraction == 0.25", [2, 3]),
        ('fraction==0.25 and strategy!="dwa"', [3]),
        ("strategy == 'dwa'", [1, 2]),
        ("strategy == 'dwa(temperature=1)'", [2]),
        ("'dwa' == strategy != 'dwa(temperature=1)'", [1]),
        ("strategy in ('stl', 'equal')", [0, 3]),
        ("strategy not in ['stl', 'equal']", [1, 2]),
        ("not (batch_size == 16 or seed == 1)", [2]),
        ("16 < batch_size <= 128", [2, 3]),
        ("strategy.temperature > 1", [1]),
        ("strategy.temperature != 1", [0, 1, 3]),
        ("strategy.temperature == None", [0, 3]),
        ("strategy.temperature < 10", [1, 2]),
        ("evaluate_every == 'epoch'", [1]),
        ("evaluate_every > 50", [0]),
        ("on", [2]),
        ("not on == True", [0, 1, 3]),
        ("lr == 0.1 or learning_rate == 0.2", [3]),
        ("seed == -1 or seed > -1", [0, 1, 2, 3]),
        ("True", [0, 1, 2, 3]),
    ],
)
def test_the_trials_for_which_a_condition_holds(text, chosen):
    assert condition(text).choose(TRIALS) == [place in chosen for place in range(len(TRIALS))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strategy.temprature == 1", r"Found `strategy.temprature`, which none has. Did you mean `strategy.temperature`\?"),
        ("temperature == 1", r"Did you mean `strategy.temperature`\?"),
        ("fraction == 0.5", r"`fraction == 0.5` holds for none of 4. There, `fraction` is 1.0, 0.25."),
        ("fraction == '0.25'", "`fraction`, a number, stands beside `'0.25'`, a text"),
        ("strategy in (1, 2)", r"`strategy`, a text, stands beside `\(1, 2\)`, a number"),
        ("fraction = 0.25", r"cannot be read. Equality has two signs: `==`."),
        ("", "Found an empty one"),
        ("fraction ==", "cannot be read"),
        ("fraction", "`fraction` is no comparison"),
        ("seed is 1", "`is` stands where `==` should"),
        ("seed in 1", "`in` stands before something that is no list"),
        ("seed + 1 == 2", r"`seed \+ 1` is neither a field nor a value"),
        ("[seed] < [1]", "no order"),
        ("__import__('os').system('true')", "is no comparison"),
        ("seed.__class__.__mro__ == 1", "Found `seed.__class__.__mro__`, which none has"),
        ("(lambda: 1)() == 1", "is neither a field nor a value"),
        ("f'{seed}' == '1'", "is neither a field nor a value"),
        ("[s for s in seed] == 1", "is neither a field nor a value"),
        ("(1).real == 1", "`1` is no field"),
        ("(" * 1_000 + "seed" + ")" * 1_000, "at most 2,000 characters"),
        ("(" * 500 + "seed" + ")" * 500 + " == 1", "cannot be read"),
        ("seed == 1\0", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text, message):
    with pytest.raises(SpecError, match=message):
        condition(text).choose(TRIALS)
