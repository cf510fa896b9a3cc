"""Statistics: pure functions on arrays, none of which knows a sweep. The layout is one for all of them:

- the first axis is the seed, the unit that is repeated: `scores[seed, ...]`;
- what was measured on one seed stays together when seeds are drawn anew, so results that share seeds go into one array;
- scores are finite. A value that is not raises ResultsError: the caller decides what to leave out, and says so.

Where the sign matters a function takes `higher_is_better`, one flag for each column, and counts better as positive.
"""

from mtlray.analysis.statistics.aggregate import (
    critical_difference,
    iqm,
    mean,
    mean_rank,
    normalised,
    performance_profile,
    probability_of_improvement,
    ranks,
    std,
)
from mtlray.analysis.statistics.improvement import delta_m, near_zero, selection_price
from mtlray.analysis.statistics.intervals import (
    CONFIDENCE,
    Difference,
    Interval,
    independent,
    mean_interval,
    published_interval,
)
from mtlray.analysis.statistics.paired import Paired, holm, paired, paired_t
from mtlray.analysis.statistics.pairs import beaten, best_sets, rank_bounds, sets_and_bounds
from mtlray.analysis.statistics.pareto import dominates, pareto_front
from mtlray.analysis.statistics.student import POWER, detectable

__all__ = ["CONFIDENCE", "POWER", "Difference", "Interval", "Paired", "beaten", "best_sets", "critical_difference"]
__all__ += ["delta_m", "detectable", "dominates", "holm", "independent", "iqm", "mean", "mean_interval", "mean_rank"]
__all__ += ["near_zero", "normalised", "paired", "paired_t", "pareto_front", "performance_profile"]
__all__ += [
    "probability_of_improvement",
    "published_interval",
    "rank_bounds",
    "ranks",
    "selection_price",
    "sets_and_bounds",
]
__all__ += ["std"]
