"""Statistics: pure functions on arrays, none of which knows a sweep. The layout is one for all of them:

- the first axis is the seed, the unit that is repeated: `scores[seed, ...]`;
- what was measured on one seed stays together when seeds are drawn anew, so results that share seeds go into one array;
- scores are finite. A value that is not raises ResultsError: what to leave out is for the caller to decide, and to say.

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
    bootstrap_interval,
    interval_of_means,
    mean_interval,
    published_interval,
    t_interval,
)
from mtlray.analysis.statistics.improvement import delta_m, selection_price
from mtlray.analysis.statistics.paired import Paired, holm, paired, paired_t
from mtlray.analysis.statistics.pareto import dominance_counts, dominates, pareto_counts, pareto_front

__all__ = ["CONFIDENCE", "RESAMPLES", "Interval", "Paired", "bootstrap_interval", "critical_difference", "delta_m"]
__all__ += ["dominance_counts", "dominates", "holm", "interval_of_means", "iqm", "mean", "mean_interval", "mean_rank"]
__all__ += ["normalised", "paired", "paired_t", "pareto_counts", "pareto_front", "performance_profile"]
__all__ += ["probability_of_improvement", "published_interval", "ranks", "selection_price", "std", "t_interval"]
