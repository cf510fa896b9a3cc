"""The list of strategies, as a person and as a program read it."""

import json

import pytest

from mtlray.strategies import STRATEGIES, WRAPPERS


@pytest.mark.parametrize("width", [80, 120])
def test_every_strategy_is_listed_with_its_source_within_the_width(cli, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = cli("strategies")
    assert code == 0
    assert max(map(len, out.splitlines())) <= width
    words = " ".join(out.split())
    for strategy in STRATEGIES:
        (row,) = [line for line in out.splitlines() if line.split()[:1] == [strategy.key] and line.startswith("  ")]
        assert row.split()[1] == strategy.__name__
        assert strategy.faithfulness in row
        if width == 80:
            assert strategy.source in words
    assert f"\n{len(STRATEGIES)} strategies and {len(WRAPPERS)} wrappers that go around them." in out.replace(
        "\n  ", " "
    )
    for kind in {strategy.kind for strategy in STRATEGIES}:
        assert f"\n{kind} ({sum(s.kind == kind for s in STRATEGIES)})\n" in out


def test_a_program_reads_the_same(cli):
    code, out, _ = cli("strategies", "--json")
    assert code == 0
    listed = {entry["key"]: entry for entry in json.loads(out)}
    assert list(listed) == [strategy.key for strategy in (*STRATEGIES, *WRAPPERS)]
    assert listed["gradnorm"] == {
        "key": "gradnorm",
        "class": "GradNorm",
        "kind": "gradient-based",
        "backward_passes": "1 + K",
        "extra_memory": "K",
        "faithfulness": "reading",
        "source": "Chen et al. 2018, ICML, eq. 2 and algorithm 1",
        "package": "",
    }
