"""The text format: what Prometheus reads is what was meant."""

from __future__ import annotations

import math

import pytest

from shared.metrics.exposition import Family, Kind, Sample, histogram_samples, write, write_number
from shared.tally import Histogram

GAUGE = Family("app_things", Kind.GAUGE, "Things\nby \\kind", ("kind",))


def test_labels_and_help_are_escaped() -> None:
    assert write([(GAUGE, [Sample(('a"b\\c\nd',), 2)])]) == (
        '# HELP app_things Things\\nby \\\\kind\n# TYPE app_things gauge\napp_things{kind="a\\"b\\\\c\\nd"} 2\n'
    )


def test_of_one_series_the_first_sample_stays() -> None:
    assert write([(GAUGE, [Sample(("a",), 1), Sample(("a",), 2)])]).splitlines()[2:] == ['app_things{kind="a"} 1']


def test_a_family_without_samples_is_left_out() -> None:
    assert write([(GAUGE, [])]) == ""


def test_a_sample_has_every_label_of_its_family() -> None:
    with pytest.raises(ValueError, match="zip"):
        write([(GAUGE, [Sample((), 1)])])


def test_buckets_are_cumulated_and_end_with_everything() -> None:
    family = Family("app_seconds", Kind.HISTOGRAM, "Seconds")
    histogram = Histogram().observe(0.001).observe(0.3).observe(60)
    lines = write([(family, histogram_samples((), histogram))]).splitlines()
    assert lines[2] == 'app_seconds_bucket{le="0.005"} 1'
    assert 'app_seconds_bucket{le="0.5"} 2' in lines
    assert 'app_seconds_bucket{le="10"} 2' in lines
    assert lines[-3:] == ['app_seconds_bucket{le="+Inf"} 3', "app_seconds_sum 60.301", "app_seconds_count 3"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (0.005, "0.005"),
        (True, "1"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        (2**53, "9007199254740992.0"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_go_reads_them(number: float, text: str) -> None:
    assert write_number(number) == text
