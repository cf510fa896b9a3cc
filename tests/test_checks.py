"""What counts as a parameter's value, and the sentence that says which rule it breaks."""

import numpy as np
import pytest

from mtlray.checks import integer, is_number, require, require_choice
from mtlray.errors import SpecError


def test_a_broken_rule_is_named_with_the_value():
    require(True, "lr", "be positive", -1)
    with pytest.raises(SpecError) as caught:
        require(False, "lr", "be positive", -1)
    assert str(caught.value) == "Parameter `lr` should be positive. Found `lr = -1`."


def test_a_wrong_word_is_answered_with_the_choices():
    require_choice("order", "fixed", ("fixed", "random"))
    with pytest.raises(SpecError) as caught:
        require_choice("order", "other", ("fixed", "random"))
    assert str(caught.value) == 'Parameter `order` should be one of "fixed", "random". Found `order = other`.'


def test_integers_are_python_and_numpy_integers_alone():
    value = integer("n", np.int64(3))
    assert value == 3
    assert type(value) is int
    for wrong in (1.0, True, "1", None):
        with pytest.raises(SpecError, match="Parameter `n` should be an integer"):
            integer("n", wrong)


def test_numbers_are_real_and_no_booleans():
    assert all(map(is_number, (1, -0.5, np.float32(2), np.int8(1))))
    assert not any(map(is_number, (True, "1", None, 1j)))
