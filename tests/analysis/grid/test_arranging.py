"""Axes in rows and columns: every number is of one configuration, whatever is asked for. Values are worked out by hand."""

import itertools
import json

import pytest
from fabricated import Sweep

from mtlray.analysis import TableOptions, table, tabulate
from mtlray.analysis.grid.load import load
from mtlray.errors import ResultsError, SpecError

BOTH = ("left", "right")
SIZES, MODELS = (16, 128), ("lenet-A", "lenet-B")
STRATEGIES = {"equal": None, "dwa(temperature=1)": 1, "dwa": 2}
SPREADS = {"equal": 0.5, "dwa(temperature=1)": 1.0, "dwa": 1.5}  # standard deviations over the seeds


def level(strategy, size, model):
    """80, and 1 for the larger batch, 2 for the second model, 4 and 8 for the strategies."""
    return 80 + SIZES.index(size) + 2 * MODELS.index(model) + 4 * list(STRATEGIES).index(strategy)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Batch size x temperature x model, and two single-task trials of each batch size and model."""
    axes = ["batch_size", "strategy.temperature", "model"]
    made = Sweep(tmp_path_factory.mktemp("axes"), "any", fields={"precision": "float32"}, axes=axes)
    for strategy, size, model, seed in itertools.product(
        ("stl:left", "stl:right", *STRATEGIES), SIZES, MODELS, range(3)
    ):
        axes = {"batch_size": size, "model": model}
        if STRATEGIES.get(strategy):
            axes["strategy.temperature"] = STRATEGIES[strategy]
        fields = {**axes, "strategy.type": strategy[:3].upper(), "steps": 2_000}
        tasks = (strategy[4:],) if strategy.startswith("stl") else BOTH
        setting = {"optimizer": "sgd", "learning_rate": 0.1}
        trial = made.plan(strategy, tasks, seed=seed, write=False, axes=axes, fields=fields, **setting)
        value = 79 if strategy.startswith("stl") else level(strategy, size, model)
        rows = {task: value + SPREADS.get(strategy, 0.25) * (seed - 1) for task in tasks}
        made.finish(trial, rows, model=model, **setting)
    made.ledger.write_sweep(made.description)
    return made


def frame(sweep, **options):
    found = table(sweep.folder, **options)
    return found[(found["task"] == "left") & ~found["strategy"].str.contains("stl")]


def test_without_options_every_configuration_is_a_row(sweep):
    found = frame(sweep)
    assert dict(zip(found["strategy"], found["mean"], strict=True)) == {
        f"{strategy} batch_size {size}, {model}": level(strategy, size, model)
        for strategy, size, model in itertools.product(STRATEGIES, SIZES, MODELS)
    }
    assert set(found["n"]) == {3}
    assert set(found["std"]) == {0.5, 1.0, 1.5}


def test_a_table_by_two_axes(sweep):
    found = frame(
        sweep, by=["batch_size"], across=["strategy.temperature"], where="model == 'lenet-B' and strategy == 'dwa'"
    )
    assert found[["strategy", "batch_size", "strategy.temperature", "mean"]].values.tolist() == [
        ["batch_size 16, dwa", 16, 1, 86], ["batch_size 16, dwa", 16, 2, 90],
        ["batch_size 128, dwa", 128, 1, 87], ["batch_size 128, dwa", 128, 2, 91],
    ]  # fmt: skip
    text = tabulate(
        load(sweep.folder), TableOptions(by=["batch_size"], across=["strategy.temperature"], where="strategy == 'dwa'")
    ).render(width=100)
    assert (
        "where        strategy == 'dwa'\nrows         batch_size, strategy, model\ncolumns      strategy.temperature\n"
        in text
    )
    assert text.split("─")[0].split()[-9:] == ["strategy", *("temperature", "1", "temperature", "2") * 2]
    (row,) = (line for line in text.splitlines() if line.startswith("batch_size 128, dwa, lenet-B "))
    assert row.split()[4:10] == ["87.00", "±", "1.00", "91.00", "±", "1.50"]


def test_what_lacks_an_axis_of_the_columns_has_a_column_of_its_own(sweep):
    found = frame(sweep, across=["strategy.temperature"], where="model == 'lenet-A' and batch_size == 16")
    assert found[["strategy", "mean"]].values.tolist() == [["equal", 80], ["dwa", 84], ["dwa", 88]]
    assert found["strategy.temperature"].tolist()[1:] == [1, 2]
    assert "no temperature" in tabulate(load(sweep.folder), TableOptions(across=["strategy.temperature"])).render()


def test_any_field_can_be_placed_and_fractions_and_strategies_too(sweep):
    found = frame(
        sweep, by=["fraction", "steps"], across=["strategy"], where="batch_size == 16 and strategy == 'equal'"
    )
    assert found["strategy"].tolist() == [f"100 % of the data, steps 2000, {model}" for model in MODELS]
    assert found["across"].tolist() == ["equal", "equal"]
    assert found["mean"].tolist() == [80, 82]
    wide = frame(sweep, across=["model", "batch_size"])
    assert wide.loc[wide["strategy"] == "dwa", "mean"].tolist() == [88, 89, 90, 91]


def test_single_task_of_a_column_is_the_baseline_of_that_column(sweep):
    rows = table(sweep.folder, kind="compare", across=["model", "batch_size"])
    own = rows[(rows["baseline"] == "single-task") & (rows["strategy"] == "dwa") & (rows["task"] == "left")]
    assert own["difference"].tolist() == [9, 10, 11, 12]
    assert own[["model", "batch_size"]].values.tolist() == [[m, s] for m in MODELS for s in SIZES]


def test_leaderboards_have_a_part_for_each_column(sweep):
    rows = table(sweep.folder, kind="leaderboard", across=["batch_size"], where="model == 'lenet-A'")
    assert rows.loc[rows["strategy"] == "dwa", "mean_rank"].tolist() == [1, 1, 1]
    assert rows.loc[rows["strategy"] == "dwa", "fraction"].isna().tolist() == [True, False, False]
    with pytest.raises(SpecError, match="Option --across should come with a table of kind cells, leaderboard"):
        TableOptions(kind="cost", across=["batch_size"])


def test_heads_say_how_many_comparisons_a_filter_leaves(sweep):
    whole = tabulate(load(sweep.folder), TableOptions()).render(width=100)
    part = tabulate(load(sweep.folder), TableOptions(where="batch_size == 16 and model == 'lenet-A'")).render(width=100)
    assert "Holm's correction for 24 comparisons" in whole  # three strategies, four configurations, two tasks
    assert "Holm's correction for 6 comparisons" in part
    assert "where        batch_size == 16 and model == 'lenet-A'" in part


def test_a_folder_described_earlier_knows_the_fields_of_its_finished_trials(make_sweep):
    made = make_sweep()
    for size, (strategy, seed) in zip((16, 16, 128, 128), itertools.product(("equal", "dwa"), range(2)), strict=True):
        trial = made.plan(strategy, BOTH, seed=seed)
        spec = {"type": "TrialSpec", "batch_size": size, "strategy": {"type": strategy}, "steps": 10}
        made.finish(trial, dict.fromkeys(BOTH, 80.0 + seed), spec=json.dumps(spec), model="lenet-A")
    assert table(made.folder, where="batch_size == 128")["strategy"].unique().tolist() == ["dwa"]
    assert table(made.folder, across=["batch_size"])["batch_size"].tolist() == [16, 16, 128, 128]
    made.plan("uncertainty", BOTH)
    assert table(made.folder, where="batch_size == 128")["strategy"].unique().tolist() == ["dwa"]
    assert table(made.folder, where="strategy == 'uncertainty'")["expected"].tolist() == [1, 1]


@pytest.mark.parametrize("tune", [[], ["optimizer.weight_decay"]], ids=["shown", "tuned"])
def test_an_axis_of_the_optimizer_is_shown_and_tuned_only_where_the_sweep_says_so(make_sweep, tune):
    made = make_sweep(tune=tune)
    for decay, seed in itertools.product((0, 0.1), range(2)):
        setting = {"optimizer": f"sgd(weight_decay={decay})" if decay else "sgd", "learning_rate": 0.1}
        trial = made.plan("equal", BOTH, seed=seed, axes={"optimizer.weight_decay": decay}, **setting)
        made.finish(trial, dict.fromkeys(BOTH, 80 + 10 * decay + seed), joint_val_score=decay, **setting)
    found = table(made.folder)
    shown = [["equal weight_decay 0", 80.5], ["equal weight_decay 0.1", 81.5]]
    assert found.loc[found["task"] == "left", ["strategy", "mean"]].values.tolist() == (
        [["equal", 81.5]] if tune else shown
    )
    assert "weight_decay 0, weight_decay 0" not in tabulate(load(made.folder)).render()
    named = table(made.folder, across=["optimizer.weight_decay"])
    assert named.loc[named["task"] == "left", ["optimizer.weight_decay", "mean"]].values.tolist() == [
        [0, 80.5],
        [0.1, 81.5],
    ]


def test_learning_rates_of_tuning_become_rows_where_they_are_named(make_sweep):
    made = make_sweep()
    for rate in (0.1, 0.2):
        trial = made.plan("equal", BOTH, optimizer="sgd", learning_rate=rate)
        made.finish(trial, dict.fromkeys(BOTH, 80.0 + rate), joint_val_score=rate, optimizer="sgd", learning_rate=rate)
    assert table(made.folder)["mean"].tolist() == [80.2, 80.2]
    found = table(made.folder, by=["lr"])
    assert found["strategy"].unique().tolist() == ["lr 0.1, equal", "lr 0.2, equal"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["batchsize"]}, r"Option --by .* Found `batchsize`, which none has. Did you mean `batch_size`\?"),
        ({"across": ["strategy.temperatur"]}, r"Option --across .* Did you mean `strategy.temperature`\?"),
        ({"by": ["seed"]}, "Found `seed`, but means are over seeds."),
        ({"across": ["dataset"]}, "Found `dataset`, but each data set has a table of its own."),
        ({"by": ["model"], "across": ["model"]}, "Found `model` in both"),
        ({"where": "batch_size == 17"}, "`batch_size` is 16, 128"),
        ({"where": "model == 16"}, "`model`, a text, stands beside `16`, a number"),
    ],
)
def test_what_cannot_be_placed_is_refused(sweep, options, message):
    with pytest.raises(SpecError, match=message):
        table(sweep.folder, **options)


def test_two_trials_of_one_seed_never_share_a_cell(make_sweep):
    made = make_sweep()
    for label, temperature in (
        ("dwa(temperature=1)", 1),
        ("dwa(temperature=2)", 1),
    ):  # a label that says something else
        made.plan(label, BOTH, axes={"strategy.temperature": temperature})
    with pytest.raises(ResultsError, match=r"of seed 0 stand in the cell dwa temperature 1: dwa\(temperature=1\), dwa"):
        table(made.folder, across=["strategy.temperature"])
