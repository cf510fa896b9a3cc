"""The legend of axis names, the tensor types built from it, and the shape of an input made of tokens. One meaning each.

`seed`   the trials of a pack, always the leading axis, even when there is one trial
`task`   the tasks that a trial trains, in the order of its data set
`param`  the shared parameters of one trial, flattened and concatenated
`batch`  the examples of a mini-batch
`feature`  the numbers of the representation that the trunk hands to the heads, of all examples of one trial's mini-batch
"""

from jaxtyping import Float, Float64, Int
from torch import Tensor

Seeds = Int[Tensor, " seed"]
PerSeed = Float[Tensor, " seed"]
Counts = Int[Tensor, " seed"]
Values = Float64[Tensor, " seed"]
Losses = Float[Tensor, "seed task"]
Weights = Float[Tensor, "seed task"]
Gramian = Float[Tensor, "seed task task"]
Jacobian = Float[Tensor, "seed task param"]
Direction = Float[Tensor, "seed param"]
Indices = Int[Tensor, "seed batch"]
Representation = Float[Tensor, "seed feature"]
RepresentationJacobian = Float[Tensor, "seed task feature"]


class TokenShape(tuple[int, ...]):
    """The shape of one example of tokens, `(length,)`, as a data set's `input_shape`; `vocabulary` counts the different ones.

    Tokens are integers from 0 to `vocabulary` - 1. 0 is padding, which follows the last token of an example that is shorter than
    `length`, so that `tokens != 0` is the mask.

    >>> from mtlray import TokenShape
    >>> shape = TokenShape(40, vocabulary=1000)
    >>> shape[0], shape.vocabulary
    (40, 1000)
    """

    vocabulary: int

    def __new__(cls, length: int, vocabulary: int) -> "TokenShape":
        made = super().__new__(cls, (length,))
        made.vocabulary = vocabulary
        return made

    def __getnewargs__(self) -> tuple[int, int]:
        return self[0], self.vocabulary

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenShape) and self.__getnewargs__() == other.__getnewargs__()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.__getnewargs__())

    def __repr__(self) -> str:
        return f"TokenShape({self[0]}, vocabulary={self.vocabulary})"
