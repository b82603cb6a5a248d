"""Statistics, all of them: a mean against a target, two sets of runs, their power, and ratios of times.

    found = against_target([3.2784, 3.2771, 3.2796], target=3.28)
    print(found.mean, found.p, more_runs([3.2784, 3.2771, 3.2796], target=3.28))

Every function is pure, of sequences with one value an independent run; none rejects outliers. Which runs count, and
that repeats of a seed are one value, is decided in cohorts.py; what counts as shown in ladder.py. docs/statistics.md
says which is used where, with an example worked by hand.

The t distribution is scipy.special's stdtr and stdtrit, which scipy.stats.t calls too, in 5 µs instead of 130.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

LEVEL = 0.95  # of every interval that is shown
TRACK_3_MARGIN = 0.004  # nats a token, at n = 1
DECIMALS = 1e-9  # nats: what decimal figures may lose in binary; logs have six decimals

# How many in a hundred 95% intervals of a ratio of means held the true ratio, with n runs a side; 2,000 simulated pairs
# of cohorts a figure, first of normal times (standard deviation 5%), then of skewed ones (1 + exponential of 0.05):
#                                 n = 2       n = 3       n = 5       n = 10
#   percentile                     65 65       79 81       89 87       91 91
#   BCa                            65 65       79 81       89 86       92 88
#   percentile, expanded           65 65       90 89       97 96       96 96
#   speedup's (Welch, of logs)     98 98       96 98       96 97       95 96
# So bootstrap_ratio uses the expanded percentiles, and gives none for two runs a side, where no resampling helps; its
# interval is still too narrow for three.
FEWEST = 3


class Spread(NamedTuple):
    """Mean and sample standard deviation (None for n = 1) of n values."""

    mean: float
    std: float | None
    n: int


class Ratio(NamedTuple):
    """A ratio of times, with a 95% confidence interval where both sides have two values that differ."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class TargetTest:
    n: int
    mean: float
    std: float | None  # sample; None for n = 1
    p: float | None  # None: one run, or runs that all agree, have no spread to judge by


@dataclass(frozen=True)
class Comparison:
    """Two sets of runs by Welch's t-test. All but the difference is None where a side has one run, or none differ."""

    n_before: int
    n_after: int
    difference: float  # of the means, after - before
    low: float | None  # its 95% confidence interval
    high: float | None
    effect: float | None  # Hedges' g: the difference in standard deviations, with its sign
    p_less: float | None  # one-sided: that the mean after is less
    p_two_sided: float | None


def spread(values: Sequence[float]) -> Spread | None:
    return _spread(values) if values else None


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def _require(*sets: Sequence[float]) -> None:
    """A diverged run must not enter a statistic silently, nor may a statistic of nothing look like one."""
    for values in sets:
        if not values:
            raise ValueError("no values: a statistic needs at least one run")
        if not all(map(math.isfinite, values)):
            raise ValueError("a value is not finite: a diverged run cannot enter a statistic")


def against_target(values: Sequence[float], target: float) -> TargetTest:
    """Student's one-sided t-test of one sample. Null hypothesis: the true mean is >= target.

    p is the chance, were the true mean exactly on target, of a t as low as this or lower; a small p (the public
    speedrun asks for p < 0.01) says that the true mean is below the target. A mean exactly on target has p = 0.5.
    p is None for one run, and where all runs agree: t is then undefined, and a spread of zero more likely means runs
    that are copies than a mean known exactly. ValueError without values, or with one that is not finite.
    """
    _require(values, [target])
    mean, std, n = _spread(values)
    if not std:
        return TargetTest(n, mean, std, None)
    from scipy.special import stdtr

    return TargetTest(n, mean, std, float(stdtr(n - 1, (mean - target) / (std / math.sqrt(n)))))


def compare(before: Sequence[float], after: Sequence[float]) -> Comparison:
    """Welch's t-test (no equal variances assumed) of after - before, and the size of the difference.

    The effect is Hedges' g: over the pooled standard deviation, with the exact small-sample correction (Hedges 1981,
    "Distribution theory for Glass's estimator of effect size and related estimators", Journal of Educational
    Statistics 6(2), 107-128). Without it the effect is 25% too large for three runs a side. ValueError as above.
    """
    _require(before, after)
    one, two = _spread(before), _spread(after)
    difference = two.mean - one.mean
    if one.std is None or two.std is None or not (one.std or two.std):
        return Comparison(one.n, two.n, difference, None, None, None, None, None)
    from scipy.special import stdtr, stdtrit

    error = math.hypot(one.std / math.sqrt(one.n), two.std / math.sqrt(two.n))
    share = (one.std / error) ** 2 / one.n  # of the variance of the difference that is from `before`
    freedom = 1 / (share**2 / (one.n - 1) + (1 - share) ** 2 / (two.n - 1))  # Welch and Satterthwaite
    t, reach = difference / error, float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    return Comparison(
        n_before=one.n,
        n_after=two.n,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        effect=_hedges(difference, one, two),
        p_less=float(stdtr(freedom, t)),
        p_two_sided=2 * float(stdtr(freedom, -abs(t))),
    )


def _hedges(difference: float, one: Spread, two: Spread) -> float:
    assert one.std is not None and two.std is not None
    freedom = one.n + two.n - 2
    pooled = math.sqrt(((one.n - 1) * one.std**2 + (two.n - 1) * two.std**2) / freedom)
    correction = math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return correction * difference / pooled


def welch(before: Sequence[float], now: Sequence[float]) -> float | None:
    """p of the one-sided t-test, without equal variances, that `now` is less; None where none is possible."""
    return compare(before, now).p_less if before and now else None


def power(n: int, margin: float, sigma: float, alpha: float = 0.01) -> float:
    """The chance that n runs pass against_target with p < alpha, if the true mean is `margin` below the target.

    `sigma` is the true standard deviation of a run. One run never passes: it has no p.
    """
    if n < 1 or not 0 < sigma < math.inf or not math.isfinite(margin) or not 0 < alpha < 1:
        raise ValueError(f"power needs n >= 1, sigma > 0, 0 < alpha < 1: got {n=}, {margin=}, {sigma=}, {alpha=}")
    return _power(n, margin, sigma, alpha)


def _power(n: int, margin: float, sigma: float, alpha: float) -> float:
    if n == 1:
        return 0.0
    from scipy.special import stdtrit
    from scipy.stats import nct

    return float(nct.sf(-stdtrit(n - 1, alpha), n - 1, margin / sigma * math.sqrt(n)))


def runs_needed(margin: float, sigma: float, alpha: float = 0.01, power: float = 0.8, most: int = 10_000) -> int | None:
    """The least number of runs with that power; None if more than `most`, or if the margin is not above 0.

    A true mean 0.001 below the target at sigma 0.0014 needs 23 for p < 0.01: the power is 0.790 at 22, 0.812 at 23, by
    the noncentral t, whose figures are those of R's pwr.t.test, and in a simulation of a million cohorts each.
    """
    if not 0 < sigma < math.inf or not math.isfinite(margin) or not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError(f"sigma > 0 and chances between 0 and 1 are needed: {margin=}, {sigma=}, {alpha=}, {power=}")
    if margin <= 0:
        return None
    counts = range(1, most + 1)
    found = bisect_left(counts, power, key=lambda n: _power(n, margin, sigma, alpha))
    return counts[found] if found < len(counts) else None


def more_runs(values: Sequence[float], target: float, alpha: float = 0.01, power: float = 0.8) -> int | None:
    """How many runs, these included, would settle with that power that the mean is below target.

    Taken as true are the mean and the spread seen, which for a few runs is rough. As many as there are where p < alpha
    already. None where no number would do (a mean not below target) or none can be told (no spread).
    """
    found = against_target(values, target)
    if found.p is None or not found.std:
        return None
    return found.n if found.p < alpha else runs_needed(target - found.mean, found.std, alpha, power)


def track_3_rule(mean: float, n: int, target: float = 3.28) -> bool:
    """The public speedrun's rule for its optimization track: (target - mean) * sqrt(n) >= 0.004.

    That is a one-sided z-test with a standard deviation taken as known: with the 0.0013 which that track assumes for
    a run, 0.004 is z = 3.08 and p = 0.00105. The spread of the runs themselves does not enter.
    """
    if n < 1:
        raise ValueError("no values: a statistic needs at least one run")
    return (target - mean) * math.sqrt(n) >= TRACK_3_MARGIN - DECIMALS


def speedup(anchor: Sequence[float], times: Sequence[float]) -> Ratio | None:
    """Ratio of the geometric means of two sets of times; its interval is Welch's t interval of the log times.

    Unlike a bootstrap, that interval is honest for the three to five runs of a usual cohort. There is none where the
    values of a side all agree: its spread is then below what its figures resolve, rather than zero.
    """
    if not anchor or not times or min(*anchor, *times) <= 0:
        return None
    logs = [math.log(t) for t in times], [math.log(t) for t in anchor]
    found = compare(*logs)
    value = math.exp(found.difference)
    if found.low is None or found.high is None or not _both_differ(*logs):
        return Ratio(value, None, None)
    return Ratio(value, math.exp(found.low), math.exp(found.high))


def _both_differ(one: Sequence[float], two: Sequence[float]) -> bool:
    return len(set(one)) > 1 and len(set(two)) > 1


def bootstrap_ratio(
    before: Sequence[float], after: Sequence[float], level: float = LEVEL, resamples: int = 9_999, seed: int = 0
) -> Ratio:
    """Mean of `before` over mean of `after`, times above 0, with a bootstrap interval over the runs of both.

    The same arguments give the same interval. There is none with fewer than three runs a side, or where those of a
    side all agree.
    """
    _require(before, after)
    if min(*before, *after) <= 0:
        raise ValueError("a time is not above zero: no ratio")
    value, fewest = statistics.fmean(before) / statistics.fmean(after), min(len(before), len(after))
    if fewest < FEWEST or not _both_differ(before, after):
        return Ratio(value, None, None)
    import numpy as np
    from scipy.stats import bootstrap

    found: Any = bootstrap(
        (before, after),
        lambda one, two, axis: one.mean(axis=axis) / two.mean(axis=axis),
        n_resamples=resamples,
        confidence_level=_expanded(level, fewest),
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(seed),  # type: ignore[reportCallIssue]  # named rng since scipy 1.15
    )
    return Ratio(value, float(found.confidence_interval.low), float(found.confidence_interval.high))


def _expanded(level: float, n: int) -> float:
    """The level to ask of a percentile bootstrap of n values, which is too narrow for few, so that it covers `level`.

    Hesterberg 2015, "What teachers should know about the bootstrap", The American Statistician 69(4), 371-386.
    """
    from scipy.special import ndtr, stdtrit

    return float(1 - 2 * ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)))
