"""The legend of axis names, and the tensor types built from it. One meaning each, everywhere.

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
