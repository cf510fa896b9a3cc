"""Texts as integer tokens: cut by a simple rule, numbered by a vocabulary of the training examples, and padded to one length."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from mtlray.errors import DataError

Tokenizer = Literal["words", "characters", "ids"]
TOKENIZERS = ("words", "characters", "ids")
Token = str | int

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""What no token is: padding; a token that is not in the vocabulary; and the number of the vocabulary's first token."""

# A run of letters and digits, or one other sign.
_WORD = re.compile(r"\w+|[^\w\s]")


def cut(values: np.ndarray, tokenizer: Tokenizer, name: str) -> list[list[Token]]:
    """The tokens of each example. Raises DataError for an example that is no text, or no list of integers for "ids".

    "words": the text in lower case, cut into runs of letters and digits and single other signs. "characters": as they are.
    "ids": integers from a tokenizer of the user's own; negative ones are left out, so that they may pad an array.
    """
    return [_cut(value, tokenizer, name, i) for i, value in enumerate(values)]


def _cut(value: object, tokenizer: Tokenizer, name: str, example: int) -> list[Token]:
    if tokenizer == "ids":
        try:
            numbers = np.asarray(value)
            if numbers.ndim == 1 and (numbers.dtype.kind in "iu" or not len(numbers)):
                return [int(number) for number in numbers if number >= 0]
        except (TypeError, ValueError):
            pass
    elif isinstance(value, str):
        return list(value) if tokenizer == "characters" else list(_WORD.findall(value.lower()))
    wanted = "a list of integers" if tokenizer == "ids" else "a text"
    missing = value is None or (np.ndim(value) == 0 and value != value)  # type: ignore[arg-type]
    shown = "nothing" if missing else f"`{str(value)[:40]}`"
    raise DataError(
        f"Input `{name}` should hold {wanted} for each example. Found {shown} in example {example}. Fill it in or leave the "
        "example out."
    )


def vocabulary_of(examples: Iterable[Sequence[Token]], most: int | None) -> tuple[Token, ...]:
    """The different tokens, the most frequent first and equals in their own order; at most `most` of them."""
    counts = Counter(token for tokens in examples for token in tokens)
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return tuple(ordered[:most])


def numbered(examples: Sequence[Sequence[Token]], vocabulary: Sequence[Token], length: int) -> np.ndarray:
    """Tokens by their numbers, `[example, length]`: cut after `length` tokens, or filled with `PADDING`."""
    numbers = {token: FIRST + i for i, token in enumerate(vocabulary)}
    kind = np.int16 if FIRST + len(vocabulary) <= np.iinfo(np.int16).max else np.int32
    array = np.full((len(examples), length), PADDING, kind)
    for row, tokens in zip(array, examples, strict=True):
        kept = [numbers.get(token, UNKNOWN) for token in tokens[:length]]
        row[: len(kept)] = kept
    return array
