"""Separation: how far classes lie apart in a space of features, and the same features laid out in the plane."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]
Labels = NDArray[np.int64]

NEIGHBOURS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Separation:
    """Numbers of labelled features, Euclidean; NaN where there are too few examples or classes.

    `classes` is the mean silhouette (Rousseeuw 1987) of all classes, from -1 to 1; `pair` that of two classes without the others;
    `neighbours` the accuracy in per cent of 10 nearest neighbours, each example left out in turn.
    """

    classes: float
    pair: float
    neighbours: float


def separation(features: Features, labels: Labels, pair: tuple[int, int]) -> Separation:
    """The numbers of `features` `[example, feature]` with classes `labels` `[example]`."""
    two = np.isin(labels, pair)
    return Separation(
        classes=_silhouette(features, labels),
        pair=_silhouette(features[two], labels[two]),
        neighbours=neighbours_accuracy(features, labels),
    )


def neighbours_accuracy(features: Features, labels: Labels, n_neighbours: int = NEIGHBOURS) -> float:
    """Per cent of examples whose nearest other ones are mostly of their class; of equal votes the nearer neighbours decide.

    NaN where there are not more examples than neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    if len(features) <= n_neighbours:
        return math.nan
    nearest = NearestNeighbors(n_neighbors=n_neighbours).fit(features).kneighbors(return_distance=False)
    classes, places = np.unique(labels, return_inverse=True)
    # A vote is 1, and a little more the nearer it is: all that together is less than a vote.
    weights = 1 + np.arange(n_neighbours, 0, -1) / n_neighbours**3
    votes = np.zeros((len(features), len(classes)))
    np.add.at(votes, (np.arange(len(features))[:, None], places[nearest]), weights)
    return float(100 * (votes.argmax(axis=1) == places).mean())


def plane(features: Features) -> Features | None:
    """`[example, 2]` by scikit-learn's t-SNE (van der Maaten and Hinton 2008), begun from the principal components, seed 0.

    None where there are fewer than four examples or all are alike, which cannot be laid out.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(features) < 4 or not np.ptp(features, axis=0).any():
        return None
    perplexity = min(30.0, (len(features) - 1) / 3)
    with threadpool_limits(1):  # several threads wait for each other, on a busy machine for minutes
        found: Features = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(features)
    return found


def _silhouette(features: Features, labels: Labels) -> float:
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(labels)) < len(labels):
        return math.nan
    return float(silhouette_score(features, labels))
