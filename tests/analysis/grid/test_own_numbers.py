"""mtlray.analysis.grid.own_numbers: a user's CSV beside the table, and one paragraph for each way in which it is wrong."""

import pytest

from mtlray.analysis import TableOptions, render_table, table
from mtlray.errors import MtlrayError, SpecError


@pytest.fixture
def file(tmp_path):
    """A CSV file: `file("method,accuracy", "equal,97.2")`."""

    def write(*lines):
        path = tmp_path / "theirs.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def numbers(sweep, path):
    frame = table(sweep.folder, against=path).set_index(["strategy", "fraction", "task"])
    return {
        key: (mean, spread)
        for key, mean, spread in zip(frame.index, frame["published_mean"], frame["published_spread"], strict=True)
        if mean == mean
    }


def test_one_row_a_strategy(complete, file):
    path = file("method,left/accuracy,right,delta_m", "STL,97.5,96", "LS,97.1 ± 0.3,-", "DWA,,95.5+-0.2", "FAMO,98,97")
    found = numbers(complete, path)
    assert {key: mean for key, (mean, _) in found.items()} == {
        ("stl:left", 1.0, "left"): 97.5,
        ("stl:right", 1.0, "right"): 96,
        ("equal", 1.0, "left"): 97.1,
        ("dwa", 1.0, "right"): 95.5,
    }
    assert found["equal", 1.0, "left"][1] == 0.3
    rendered = render_table(complete.folder, TableOptions(against=path))
    assert "  ours − theirs" in rendered
    assert "theirs.csv also has FAMO, not in this table." in rendered
    assert "the paper" not in rendered


def test_one_row_a_number(complete, file):
    path = file(
        "strategy,fraction,task,metric,mean,std,n",
        "equal,0.25,left,accuracy,95.1,0.2,3",
        "equal,1,right,accuracy,96.4,0.2,3",
        "single-task,1,left,,97.0,,",
    )
    found = numbers(complete, path)
    assert [found[key][0] for key in (("equal", 0.25, "left"), ("equal", 1.0, "right"), ("stl:left", 1.0, "left"))] == [
        95.1,
        96.4,
        97.0,
    ]


def test_the_number_of_runs_widens_the_published_interval(complete, file):
    widths = []
    for runs in ("3", "10"):
        frame = table(complete.folder, against=file("strategy,task,mean,spread,runs", f"equal,left,97.0,0.3,{runs}"))
        row = frame[frame["published_mean"].notna()].iloc[0]
        widths.append(row["published_high"] - row["published_low"])
    assert widths[0] == pytest.approx(2 * 4.30265 * 0.3 / 3**0.5, rel=1e-4)
    assert widths[1] == pytest.approx(2 * 2.26216 * 0.3 / 10**0.5, rel=1e-4)


def test_a_row_of_another_data_set_is_left_out(complete, file):
    path = file("method,dataset,left", "equal,multi_mnist-left-right,97", "dwa,cityscapes,12")
    assert list(numbers(complete, path)) == [("equal", 1.0, "left")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("name,left", "equal,97"),
            r"should hold a table with a column `strategy` \(or `method`\).*Found the columns name, left",
        ),
        (("method,left",), "Found 0 rows"),
        (
            ("method,acc", "equal,97"),
            "should be metrics of this sweep. Found `acc`. There are: left/accuracy, right/accuracy",
        ),
        (
            ("method,accuracy", "equal,97"),
            "`accuracy` of `theirs.csv` should say of which task it is: left/accuracy, right/acc",
        ),
        (
            ("method,left", "equal,high"),
            "Row 2 of `theirs.csv` should have a number in the column `left`.*Found `high`",
        ),
        (("method,left,left", "equal,1,2"), "should have different names"),
        (("method,left", "equal,97", "LS,96"), "Rows 2 and 3 both have one for LS, left"),
        (
            ("method,left", "FAMO,97"),
            "should have numbers of a strategy of this sweep. It names FAMO; the sweep has single-task",
        ),
        (
            ("method,task,mean,colour", "equal,left,97,red"),
            "should have one row a number and the columns.*Found colour too",
        ),
    ],
)
def test_what_is_wrong_is_one_paragraph(complete, file, lines, message):
    with pytest.raises(MtlrayError, match=message) as refused:
        render_table(complete.folder, TableOptions(against=file(*lines)))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(complete, tmp_path):
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        render_table(complete.folder, TableOptions(against=str(tmp_path / "absent.csv")))
