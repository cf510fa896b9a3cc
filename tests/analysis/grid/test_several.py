"""mtlray.analysis.grid.several: two sweeps, or two versions of one, side by side and paired by seed."""

import json

import numpy as np
import pytest
from fabricated import TASKS, Sweep
from scipy import stats

from mtlray.analysis import Source, TableOptions, compare, render_table, table
from mtlray.analysis.grid.several import load_all
from mtlray.analysis.report import render_report
from mtlray.errors import ResultsError

SINGLES = {"stl:left": ("left",), "stl:right": ("right",)}


@pytest.fixture
def version(tmp_path):
    """A version of the sweep quickstart: `version("before", {strategy: level}, lr=0.1)`; the seeds' numbers repeat."""

    def make(root, levels, *, seeds=range(6), lr=0.1, name="quickstart", shift=0.0, **overrides):
        sweep = Sweep(tmp_path / root, name, published=None)
        for place, (strategy, level) in enumerate(levels.items()):
            tasks = SINGLES.get(strategy, TASKS)
            for seed in seeds:
                own = np.random.default_rng(100 * place + seed).normal(0, 0.2, 2)
                jitter = np.random.default_rng(1000 * place + seed + int(10 * shift)).normal(0, 0.05, 2)
                values = {t: level + shift + seed / 10 + own[i] + jitter[i] for i, t in enumerate(TASKS) if t in tasks}
                spec = json.dumps({"seed": seed, "fraction": 1, "optimizer": {"lr": lr, "type": "SGD"}})
                sweep.finish(sweep.plan(strategy, tasks, seed=seed, write=False), values, spec=spec, **overrides)
        sweep.ledger.write_sweep(sweep.description)
        return sweep.folder

    return make


LEVELS = {"stl:left": 90.0, "stl:right": 91.0, "equal": 92.0}


def words(folders, kind="cells", **options):
    return " ".join(render_table(folders, TableOptions(kind=kind, **options)).split())


def test_strategies_of_one_name_are_compared_seed_by_seed(version):
    before, after = version("before", LEVELS), version("after", {**LEVELS, "dwa": 95.0}, shift=0.5)
    found = compare([before, after]).set_index(["strategy", "task"])
    assert set(found["sweep"]) == {"after"}
    assert set(found.index) == {(s, t) for s in ("single-task", "equal") for t in TASKS}
    values = {name: table(folder) for name, folder in (("before", before), ("after", after))}
    means = {name: frame.set_index(["strategy", "task"])["mean"] for name, frame in values.items()}
    for task in TASKS:
        row = found.loc["equal", task]
        assert row["difference"] == pytest.approx(means["after"]["equal", task] - means["before"]["equal", task])
        assert (row["n"], row["baseline"]) == (6, "equal [before]")
        assert found.loc["single-task", task]["difference"] == pytest.approx(
            means["after"][f"stl:{task}", task] - means["before"][f"stl:{task}", task]
        )
    assert words([before, after], "compare").count("better") >= 4


def test_the_test_is_students_for_pairs_after_holm(version):
    folders = [
        version("before", {"equal": 92.0, "dwa": 92.0}),
        version("after", {"equal": 92.0, "dwa": 92.0}, shift=0.1),
    ]
    rows = compare(folders)
    results = load_all(folders).summary.set_index(["strategy", "task", "seed"])["at_joint_val"].sort_index()
    for row in rows.itertuples():
        sides = [results[f"{row.strategy} [{sweep}]", row.task].sort_index() for sweep in ("after", "before")]
        assert row.p_t == pytest.approx(stats.ttest_rel(*sides).pvalue)
    order = np.sort(rows["p_t"].to_numpy())
    holm = np.minimum(1, np.maximum.accumulate(order * np.arange(len(order), 0, -1)))
    assert np.sort(rows["p_t_holm"].to_numpy()) == pytest.approx(holm)
    assert "for 4 comparisons" in words(folders)


def test_the_rows_say_whose_they_are_and_the_head_what_differs(version):
    folders = [version("before", LEVELS), version("after", LEVELS, lr=0.2, shift=0.5)]
    lines = render_table(folders).splitlines()
    labels = [line.split("  ")[0] for line in lines if line.startswith(("equal", "single-task"))]
    assert labels == ["single-task [before]", "single-task [after]", "equal [before]", "equal [after]"]
    below = lines[next(i for i, line in enumerate(lines) if line.startswith("equal [after]")) + 1]
    assert below.split("  ")[1:2] == ["− equal [before]"]
    assert below.count("(better)") == 2
    text = words(folders)
    assert "changed optimizer.lr: 0.1 in before, 0.2 in after" in text
    assert f"before:{folders[0]};after:{folders[1]}" in text.replace(" ", "")  # a long path is cut
    frame = table(folders)
    assert list(frame.columns[:3]) == ["sweep", "dataset", "data_origin"]
    assert frame.groupby("sweep")["strategy"].unique().map(list).to_dict() == {
        name: ["stl:left", "stl:right", "equal"] for name in ("before", "after")
    }


def test_without_a_change_nothing_is_said_to_differ(version):
    folders = [version("before", LEVELS), version("after", LEVELS, shift=0.3)]
    assert "changed no setting of a finished trial" in words(folders)


def test_other_seeds_are_left_out_of_the_pairs(version):
    folders = [
        version("before", {"equal": 92.0}, seeds=range(6)),
        version("after", {"equal": 92.0}, seeds=range(4, 8), shift=1.0),
    ]
    assert set(compare(folders)["n"]) == {2}
    apart = [folders[0], version("later", {"equal": 92.0}, seeds=range(10, 13))]
    assert set(compare(apart)["n"]) == {0}


def test_three_versions_are_each_beside_the_first(version):
    folders = [version(name, {"equal": 92.0}, shift=i / 2) for i, name in enumerate(("one", "two", "three"))]
    rows = compare(folders)
    assert set(zip(rows["sweep"], rows["baseline"], strict=True)) == {("two", "equal [one]"), ("three", "equal [one]")}


@pytest.mark.parametrize("kind", ["leaderboard", "cost"])
def test_the_other_kinds_have_a_row_for_each(version, kind):
    folders = [version("before", LEVELS), version("after", LEVELS, shift=1.0)]
    frame = table(folders, kind=kind)
    assert set(frame["sweep"]) == {"before", "after"}
    assert {"single-task", "equal"} <= set(frame["strategy"])
    if kind == "leaderboard":
        found = frame.set_index(["sweep", "strategy"])["better"]
        assert found["after", "equal"] == 2
        assert found["before", "equal"] == 0


def test_two_sweeps_of_other_names_go_by_these(version):
    folders = [version("results", {"equal": 92.0}, name=name) for name in ("fast", "slow")]
    assert "equal [fast]" in words(folders)


def test_without_a_common_strategy_one_paragraph_says_so(version):
    folders = [version("before", {"equal": 92.0}), version("after", {"dwa": 92.0})]
    with pytest.raises(ResultsError, match="should have a strategy of one name on one data set") as refused:
        render_table(folders)
    message = str(refused.value)
    assert "before has equal on multi_mnist-left-right; after has dwa on multi_mnist-left-right" in message
    assert "\n" not in message


def test_one_folder_twice_is_refused(version):
    folder = version("before", {"equal": 92.0})
    with pytest.raises(ResultsError, match=r"twice\. Name each once"):
        render_table([folder, folder])


def test_other_data_is_refused(version):
    folders = [version("before", {"equal": 92.0}), version("after", {"equal": 92.0}, data_fingerprint="beef")]
    with pytest.raises(
        ResultsError, match=r"The fingerprint of multi_mnist-left-right differs: before has `f00d`, after has `beef`"
    ):
        render_table(folders)


def test_a_source_narrows_its_own_sweep(version, tmp_path):
    folders = [version("before", {"equal": 92.0}), version("after", {"equal": 92.0}, shift=1.0)]
    trials = json.loads((tmp_path / "after" / "quickstart" / "sweep.json").read_text())["trials"]
    assert set(compare([folders[0], Source(folders[1], trials[:3])])["n"]) == {3}


def test_the_report_holds_both(version):
    page = render_report([version("before", LEVELS), version("after", LEVELS, shift=1.0)])
    assert "equal [before]" in page
    assert "equal [after]" in page
