"""Learning rates on the command line: an axis that is planned, narrowed, run, and shown best or all."""

from places import SMALL


def test_rates_are_planned_narrowed_run_and_shown(cli, tmp_path):
    text = SMALL.read_text().replace("seeds=range(2)", "optimizers=learning_rates(SGD(lr=0.02), (0.02, 0.04))")
    path = tmp_path / "mine.py"
    path.write_text(text.replace("from mtlray import (", "from mtlray import (\n    learning_rates,"))
    narrow = (path, "--strategies", "dwa,uncertainty", "--steps", "6")
    code, out, err = cli("plan", *narrow)
    assert code == 0, err
    assert "  optimizers  sgd lr 0.02; sgd lr 0.04\n" in out
    assert "  trials      4 in 4 cells, 6 steps each" in out
    code, out, _ = cli("plan", *narrow, "--learning-rates", "0.04")
    assert "optimizers" not in out
    assert "  trials      2 in 2 cells" in out
    code, _, err = cli("plan", *narrow, "--learning-rates", "0.5")
    assert (code, err) == (
        2,
        "Error: The sweep has no learning rate 0.5. It has: 0.02, 0.04. Add others in the sweep file.\n",
    )
    code, _, err = cli("plan", *narrow, "--learning-rates", "high")
    assert (code, err.split(".")[0]) == (2, "Error: Option --learning-rates should be numbers separated by commas")

    code, out, _ = cli("run", *narrow, "--in-process", "--yes")
    assert code == 0
    assert "rates        best: of 2 configurations a row and fraction" in out
    rows = [line for line in out.splitlines() if line.startswith(("dwa lr 0.0", "uncertainty lr 0.0"))]
    assert len(rows) == 2
    code, out, _ = cli("status", *narrow)
    assert "\noptimizer\n  sgd lr 0.02  2 done\n  sgd lr 0.04  2 done\n" in out
    code, out, _ = cli("table", *narrow, "--rates", "all")
    for row in ("dwa lr 0.02 ", "dwa lr 0.04 ", "uncertainty lr 0.02 ", "uncertainty lr 0.04 "):
        assert f"\n{row}" in out
    code, out, _ = cli("table", *narrow, "--learning-rates", "0.04")
    assert "lr 0" not in out
    assert "rates  " not in out
    code, _, err = cli("table", *narrow, "--rates", "bst")
    assert (code, "Did you mean `best`?" in err) == (2, True)
