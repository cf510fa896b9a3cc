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
from mtlray.analysis.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Interval,
    interval_of_means,
    mean_interval,
    published_interval,
)
from mtlray.analysis.statistics.improvement import delta_m, selection_price
from mtlray.analysis.statistics.paired import Paired, holm, paired, paired_t
from mtlray.analysis.statistics.pareto import dominates, pareto_front

__all__ = ["CONFIDENCE", "RESAMPLES", "Interval", "Paired", "critical_difference", "delta_m", "dominates", "holm"]
__all__ += ["interval_of_means", "iqm", "mean", "mean_interval", "mean_rank", "normalised", "paired", "paired_t"]
__all__ += ["pareto_front", "performance_profile", "probability_of_improvement", "published_interval", "ranks"]
__all__ += ["selection_price", "std"]
