"""The states of a trial: which are ends, and that they are stored and compared as plain words."""

import json
import subprocess
import sys

import pandas as pd
import pyarrow as pa

from mtlray.results.states import TrialState


def test_what_is_finished():
    assert [str(state) for state in TrialState if state.is_finished] == ["done", "diverged", "pruned", "failed"]


def test_states_are_words_in_json_in_tables_and_in_comparisons():
    assert json.dumps({TrialState.DONE: TrialState.FAILED}) == '{"done": "failed"}'
    table = pa.table({"state": ["done", "failed"]})
    assert (table.to_pandas()["state"] == TrialState.DONE).tolist() == [True, False]
    assert pd.Series(["done"]).isin([TrialState.DONE]).all()
    assert {"done": 1}[TrialState.DONE] == 1


def test_states_need_neither_torch_nor_pyarrow():
    code = "import sys, mtlray.results.states; print({'torch', 'pyarrow', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_the_names_that_users_need_are_at_the_top():
    from mtlray.results import RESULTS_VERSION, Ledger, ledger

    assert (RESULTS_VERSION, Ledger) == (ledger.RESULTS_VERSION, ledger.Ledger)
