"""Statistics: against published examples, and by simulation of what users get (fixed seeds, so never by luck)."""

import doctest
import math
import random
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from speedrun.inference import (
    TargetTest,
    against_target,
    bootstrap_ratio,
    compare,
    more_runs,
    power,
    runs_needed,
    speedup,
    spread,
    track_3_rule,
    welch,
)

HOUSE = Path(__file__).resolve().parents[1]

# Hours of extra sleep of ten patients under two drugs (Student 1908, Biometrika 6(1), 1-25); R's data set `sleep`.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

COHORTS = 10_000


def band(chance: float, trials: int = COHORTS) -> tuple[float, float]:
    """The central 99.9% of a binomial count, as a share: of 10,000 at 1%, 0.0069 to 0.0135."""
    low, high = stats.binom.interval(0.999, trials, chance)
    return low / trials, high / trials


def cohorts(n: int, mean: float, sigma: float, seed: int, count: int = COHORTS) -> list[list[float]]:
    return np.random.default_rng(seed).normal(mean, sigma, (count, n)).tolist()


def share(hits) -> float:
    hits = list(hits)
    return sum(hits) / len(hits)


# Against published figures


def test_one_sample_against_students_sleep_data():
    """R: t.test(first - second, alternative = "less") and, two-sided, its published p-value = 0.002833."""
    found = against_target([a - b for a, b in zip(FIRST, SECOND, strict=True)], 0.0)
    assert found.n == 10 and found.mean == pytest.approx(-1.58) and found.std == pytest.approx(1.229995, abs=1e-6)
    assert found.p == pytest.approx(0.002833 / 2, abs=5e-7)


def test_welch_against_students_sleep_data():
    """R: t.test(extra ~ group, data = sleep): t = -1.8608, df = 17.776, p-value = 0.07939, interval as below."""
    found = compare(SECOND, FIRST)
    assert (found.n_before, found.n_after) == (10, 10) and found.difference == pytest.approx(-1.58)
    assert (found.low, found.high) == (pytest.approx(-3.3654832, abs=1e-6), pytest.approx(0.2054832, abs=1e-6))
    assert found.p_two_sided == pytest.approx(0.07939, abs=5e-6) and found.p_less == pytest.approx(
        0.07939 / 2, abs=5e-6
    )


@pytest.mark.parametrize(
    ("n", "margin", "published"),
    [
        (30, 1.0, 0.999892010204909),
        (20, 0.05, 0.0764888785042198),
        (20, 0.2, 0.21707518167191),
        (20, -0.2, 0.006063932667926375),
    ],
)
def test_power_against_r(n, margin, published):
    """R's pwr.t.test(type = "one.sample", sig.level = 0.05), one-sided, as statsmodels' own tests quote it."""
    assert power(n, margin, 1.0, alpha=0.05) == pytest.approx(published, abs=1e-9)


def test_tests_and_intervals_are_those_of_scipy():
    draws = random.Random(3)
    for n, m in ((2, 2), (3, 5), (8, 20)):
        one, two = [[draws.gauss(3.28, 0.001) for _ in range(count)] for count in (n, m)]
        assert against_target(one, 3.28).p == pytest.approx(stats.ttest_1samp(one, 3.28, alternative="less").pvalue)
        found, scipys = compare(one, two), stats.ttest_ind(two, one, equal_var=False)
        interval = scipys.confidence_interval(0.95)
        assert found.p_two_sided == pytest.approx(scipys.pvalue)
        assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
        assert welch(one, two) == found.p_less


def test_hedges_g_by_hand():
    """Means 2 and 5, both standard deviations 1, four degrees of freedom: 3 times the correction √(2/π) = 0.7979."""
    assert compare([1, 2, 3], [4, 5, 6]).effect == pytest.approx(3 * math.sqrt(2 / math.pi))
    assert compare([4, 5, 6], [1, 2, 3]).effect == pytest.approx(-3 * math.sqrt(2 / math.pi))


# Edges


def test_mean_on_target_is_p_one_half():
    assert against_target([1.0, 3.0], 2.0).p == 0.5


def test_one_run_or_runs_that_agree_have_no_p():
    assert against_target([3.27], 3.28) == TargetTest(1, 3.27, None, None)
    agreeing = against_target([3.27, 3.27, 3.27], 3.28)
    assert agreeing.std == 0 and agreeing.p is None
    for before, after in (([1.0], [2.0, 3.0]), ([5.0, 5.0], [3.0, 3.0])):
        found = compare(before, after)
        assert found.difference == statistics.fmean(after) - statistics.fmean(before)
        assert found.low is found.high is found.effect is found.p_less is found.p_two_sided is None
        assert welch(before, after) is None
    assert more_runs([3.27], 3.28) is None and more_runs([3.27, 3.27], 3.28) is None


def test_one_side_without_spread_is_still_a_welch_test():
    found = compare([5.0, 5.0, 5.0], [3.0, 3.1, 3.2])
    assert found.p_less is not None and found.p_less < 0.01
    assert found.low is not None and found.high is not None and found.low < found.difference < found.high < 0


@pytest.mark.parametrize("values", [[], [3.2, math.nan], [math.inf, 3.2], [3.2, 3.3, -math.inf]])
def test_nothing_and_diverged_runs_are_refused(values):
    for call in (
        lambda: against_target(values, 3.28),
        lambda: compare(values, [1.0, 2.0]),
        lambda: compare([1.0, 2.0], values),
        lambda: bootstrap_ratio(values, [1.0, 2.0]),
        lambda: bootstrap_ratio([1.0, 2.0], values),
        lambda: more_runs(values, 3.28),
    ):
        with pytest.raises(ValueError):
            call()


def test_a_target_that_is_no_number_is_refused():
    with pytest.raises(ValueError):
        against_target([3.2, 3.3], math.nan)


def test_spread_and_welch_of_nothing_are_none():
    assert spread([2.0]) == (2.0, None, 1) and spread([]) is None
    assert welch([], []) is None and welch([], [1.0, 2.0]) is None


def test_speedup_edges():
    assert speedup([100.0], [50.0]) == (pytest.approx(2.0), None, None)
    assert speedup([100.0, 100.0], [50.0, 51.0]) == (pytest.approx(1.98, abs=0.01), None, None)
    assert speedup([], [1.0]) is None and speedup([0.0], [1.0]) is None


# False positives, power and coverage, by simulation


@pytest.mark.parametrize("n", [3, 8, 20])
def test_one_cohort_in_a_hundred_on_target_passes(n):
    tests = [against_target(values, 3.28) for values in cohorts(n, 3.28, 0.0014, seed=n)]
    low, high = band(0.01)
    assert low <= share(found.p is not None and found.p < 0.01 for found in tests) <= high


@pytest.mark.parametrize(("n", "m", "ratio"), [(5, 5, 1.0), (5, 10, 3.0), (10, 5, 3.0)])
def test_welch_holds_its_level_when_variances_differ(n, m, ratio):
    """Nearly: its degrees of freedom are an approximation. Of 200,000 such pairs scipy's ttest_ind gives p < 0.01 in
    0.80%, 0.93% and 1.24%, and an interval that holds the truth in 95.6%, 95.2% and 94.5%. So the bands reach from the
    lower end of the lowest's to the upper end of the highest's."""
    pairs = zip(cohorts(n, 0.0, 1.0, seed=1), cohorts(m, 0.0, ratio, seed=2), strict=True)
    found = [compare(before, after) for before, after in pairs]
    passed = share(one.p_less is not None and one.p_less < 0.01 for one in found)
    assert band(0.0080)[0] <= passed <= band(0.0124)[1]
    covered = share(one.low is not None and one.high is not None and one.low <= 0 <= one.high for one in found)
    assert band(0.945)[0] <= covered <= band(0.956)[1]


@pytest.mark.parametrize(("n", "margin"), [(3, 0.003), (8, 0.0016), (23, 0.001)])
def test_power_is_how_often_simulated_cohorts_pass(n, margin):
    tests = [against_target(values, 3.28) for values in cohorts(n, 3.28 - margin, 0.0014, seed=100 + n)]
    low, high = band(power(n, margin, 0.0014))
    assert low <= share(found.p is not None and found.p < 0.01 for found in tests) <= high


def test_runs_needed_is_the_first_number_with_that_power():
    for margin, wanted in ((0.001, 0.8), (0.002, 0.8), (0.01, 0.8), (0.0005, 0.95)):
        n = runs_needed(margin, 0.0014, power=wanted)
        assert n is not None and power(n, margin, 0.0014) >= wanted > power(n - 1, margin, 0.0014)
    assert runs_needed(0.001, 0.0014) == 23


def test_power_at_its_edges():
    assert power(1, 1.0, 1.0) == 0 and power(5, 0.0, 1.0) == pytest.approx(0.01)
    assert power(10_000, 1.0, 1e-6) == pytest.approx(1) and power(10_000, -1.0, 1e-6) == pytest.approx(0)
    for wrong in ((0, 1.0, 1.0, 0.01), (5, 1.0, 0.0, 0.01), (5, math.nan, 1.0, 0.01), (5, 1.0, 1.0, 1.0)):
        with pytest.raises(ValueError):
            power(*wrong)


def test_runs_that_no_number_gives():
    assert runs_needed(0.0, 0.001) is None and runs_needed(-0.1, 0.001) is None
    assert runs_needed(1e-6, 1.0) is None and runs_needed(0.001, 0.0014, most=22) is None
    assert runs_needed(1.0, 1e-6) == 2
    with pytest.raises(ValueError):
        runs_needed(0.001, 0.0)


def test_more_runs_counts_those_there_are():
    few = [3.2784, 3.2771, 3.2796]
    test, needed = against_target(few, 3.28), more_runs(few, 3.28)
    assert test.p is not None and test.std is not None and test.p > 0.01
    assert needed == runs_needed(3.28 - test.mean, test.std) and needed > 3
    assert more_runs([3.26, 3.261, 3.262], 3.28) == 3  # settled already
    assert more_runs([3.29, 3.28, 3.285], 3.28) is None  # above: no number would do


def test_the_rule_of_track_3_is_a_z_test():
    assert track_3_rule(3.276, 1) and track_3_rule(3.278, 4) and track_3_rule(2.996, 1, target=3.0)
    assert not track_3_rule(3.27601, 1) and not track_3_rule(3.2781, 4)
    assert round(0.004 / 0.0013, 2) == 3.08
    assert stats.norm.sf(0.004 / 0.0013) == pytest.approx(0.00105, abs=5e-6)
    with pytest.raises(ValueError):
        track_3_rule(3.27, 0)


def test_speedup_interval_covers_the_truth_as_often_as_it_says():
    draws, covered = random.Random(5), 0
    for _ in range(400):
        anchor = [math.exp(draws.gauss(math.log(100), 0.02)) for _ in range(3)]
        faster = [math.exp(draws.gauss(math.log(80), 0.03)) for _ in range(4)]
        ratio = speedup(anchor, faster)
        assert ratio and ratio.low and ratio.high and ratio.low < ratio.value < ratio.high
        covered += ratio.low <= 1.25 <= ratio.high
    # 95% of 400 is 380, standard deviation 4.4; Welch's interval is slightly conservative at n = 3 and 4
    assert 362 <= covered <= 400


# The bootstrap


def test_bootstrap_ratio_is_of_means_and_the_same_each_time():
    before, after = [100.0, 104.0, 98.0, 102.0, 101.0], [52.0, 50.0, 53.0, 51.0, 49.0]
    ratio = bootstrap_ratio(before, after)
    assert ratio == bootstrap_ratio(before, after) and ratio.value == pytest.approx(101 / 51)
    assert ratio.low and ratio.high and ratio.low < ratio.value < ratio.high
    assert bootstrap_ratio(before, after, seed=1) != ratio
    wider = bootstrap_ratio(before, after, level=0.99)
    assert wider.low and wider.high and wider.low < ratio.low and wider.high > ratio.high
    turned = bootstrap_ratio(after, before)
    assert turned.low == pytest.approx(1 / ratio.high, rel=5e-3)


def test_bootstrap_interval_covers_the_truth_nearly_as_often_as_it_says():
    """The simulation of which the figures stand in inference.py, with 500 pairs of cohorts; there it is 97%."""
    pairs = zip(cohorts(5, 2.0, 0.1, seed=3, count=500), cohorts(5, 1.0, 0.05, seed=4, count=500), strict=True)
    ratios = [bootstrap_ratio(before, after, resamples=999) for before, after in pairs]
    assert share(one.low is not None and one.high is not None and one.low <= 2 <= one.high for one in ratios) >= 0.94


def test_bootstrap_ratio_edges():
    assert bootstrap_ratio([100.0], [49.0, 50.0, 51.0]) == (2.0, None, None)
    assert bootstrap_ratio([100.0, 100.0, 100.0], [49.0, 50.0, 51.0]) == (2.0, None, None)
    assert bootstrap_ratio([100.0, 101.0], [50.0, 51.0, 52.0]).low is None  # two runs a side are too few
    for times in ([0.0, 1.0], [-1.0, 1.0]):
        with pytest.raises(ValueError):
            bootstrap_ratio(times, [1.0, 2.0])


# The page


def test_the_figures_in_the_page_are_those_the_functions_give():
    text = (HOUSE / "docs/statistics.md").read_text(encoding="utf-8").replace("```python\n", "\n").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, "statistics.md", "docs/statistics.md", 0)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted >= 15 and result.failed == 0
