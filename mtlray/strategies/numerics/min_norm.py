"""Small problems with weights that must not be negative, solved exactly by active sets (Lawson and Hanson 1974)."""

import numpy as np

from mtlray.errors import StrategyError
from mtlray.strategies.gramian import Matrix, Vector

_STEPS_PER_TASK = 100
# The square of a distance, relative to the longest column, that is nothing but the rounding of float32 gradients.
_TWINS = 1e-14


def as_vectors(gramian: Matrix) -> Matrix:
    """K vectors of length K, the columns, with these inner products.

    From the eigenvalues of the cosines and not of the Gramian, so that a short gradient is as exact as a long one.
    """
    norms = np.sqrt(np.diag(gramian))
    safe = np.where(norms > 0, norms, 1.0)
    values, vectors = np.linalg.eigh(gramian / np.outer(safe, safe))
    columns: Matrix = np.sqrt(np.clip(values, 0.0, None))[:, None] * vectors.T * norms
    return columns


def simplex_min_norm(vectors: Matrix) -> Vector:
    """Weights on the simplex of the shortest convex combination of the columns. Raises StrategyError.

    Equal columns, of which any shares make the same combination, get equal weights, so that their order does not matter.

    The combination t V a with a on the simplex that minimises |t V a|^2 + (t - 1)^2 has for each t the shortest V a.
    """
    longest = np.sqrt(np.square(vectors).sum(axis=0).max())
    scaled = vectors / longest if longest > 0 else vectors
    apart = np.square(scaled[:, :, None] - scaled[:, None, :]).sum(axis=0)
    first = (apart <= _TWINS).argmax(axis=0)  # for each column the first that is equal to it
    distinct, group, counts = np.unique(first, return_inverse=True, return_counts=True)
    extended = np.vstack([scaled[:, distinct], np.ones(len(distinct))])
    weights = nonnegative_least_squares(extended, np.eye(len(extended))[-1])
    shares: Vector = (weights / weights.sum() / counts)[group]
    return shares


def dual_cone_weights(vectors: Matrix, lengths: Vector, target: Vector) -> Vector:
    """Weights, not negative, of the columns that make the nearest vector to a target against which no column points.

    By duality that is the shortest vector of the form target + sum of u_j v_j with u >= 0. `lengths` are those of the columns.
    Raises StrategyError.
    """
    safe = np.where(lengths > 0, lengths, 1.0)
    weights: Vector = nonnegative_least_squares(vectors / safe, -target) / safe
    return weights


def nonnegative_least_squares(matrix: Matrix, target: Vector) -> Vector:
    """The x >= 0 with the smallest |matrix @ x - target|. Raises StrategyError."""
    from scipy.optimize import nnls  # half a second, which no other strategy should pay

    try:
        solution: Vector = nnls(matrix, target, maxiter=_STEPS_PER_TASK * matrix.shape[1])[0]
    except (RuntimeError, np.linalg.LinAlgError) as error:
        raise StrategyError(
            f"The solver of non-negative least squares gave up on {matrix.shape[1]} gradients: {error}."
        ) from error
    return solution
