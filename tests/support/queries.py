"""Queries over the recording with which metrics servers are compared: a list by hand, and a grammar for hypothesis.

Time itself stays out of the random ones, so that a seed gives the same comparison at any hour.
"""

from __future__ import annotations

from hypothesis import strategies as st

_SHORT = {
    "BUCKETS": 'istio_request_duration_milliseconds_bucket{destination_workload_namespace="recorded"}',
    "REQUESTS": 'istio_requests_total{destination_workload_namespace="recorded"}',
}
"""Words of the list below, and the selectors that they stand for."""

_LIST = """
rec_left
rec_left{place="b"}
rec_left{place!="b"}
rec_left{place=~"a|b"}
rec_left{place!~"a|b"}
rec_left{place=~"[ab]"}
rec_left{place=~"."}
rec_left{place=~"(?i)A"}
rec_left{nothing=""}
rec_left{nothing!=""}
rec_left{nothing=~".*"}
rec_left{nothing!~".+"}
{__name__="rec_left"}
{__name__=~"rec_(left|right)"}
{__name__=~"rec_.*", place="b"}
rec_text
rec_text{path="C:\\dir \"x\""}
rec_text{word="grün"}
rec_special
-rec_special
+rec_left
-1
rec_wave
rec_wave offset 1m
rec_wave offset -30s
rec_left[12s]
rec_wave[17s] offset 5s
"text"
1e300 * 10
2.5e-9
-0 * vector(1)
1 / 3
12345678901234567890
istio_requests_total{destination_workload="gone"}
istio_requests_total{destination_workload="gone"} offset 6m
rate(REQUESTS[1m])
rate(REQUESTS[17s])
rate(REQUESTS[6s])
rate(REQUESTS[10m])
rate(REQUESTS[1h])
rate(REQUESTS[1m] offset 4m)
increase(REQUESTS[1m])
increase(REQUESTS[10m])
irate(REQUESTS[1m])
irate(REQUESTS[8s])
rate(rec_wave[1m])
irate(rec_wave[1m])
rate(rec_special[1m])
increase({__name__=~"rec_(left|right)"}[1m])
sum(rec_left)
sum(rec_special)
sum(rec_special{kind!="nan"})
sum by (place) (rec_many)
sum(rec_many) by (row)
sum by (place, row) (rec_many)
sum by (nothing) (rec_many)
sum by () (rec_many)
sum without (row) (rec_many)
sum without () (rec_many)
sum without (place, row, job, instance) (rec_many)
sum by (__name__) ({__name__=~"rec_(left|right)"})
sum without (place) ({__name__=~"rec_(left|right)"})
avg(rec_left)
avg by (place) (rec_many)
avg(rec_special{kind!="nan"})
min(rec_left)
min(rec_special)
min(rec_special{kind="nan"})
max(rec_left)
max(rec_special)
max by (row) (rec_many)
count(rec_left)
count(rec_nothing)
count by (row) (rec_many)
sum(rec_nothing)
histogram_quantile(0.5, BUCKETS)
histogram_quantile(0.99, rate(BUCKETS[1m]))
histogram_quantile(0, rate(BUCKETS[1m]))
histogram_quantile(1, rate(BUCKETS[1m]))
histogram_quantile(-1, rate(BUCKETS[1m]))
histogram_quantile(1.5, rate(BUCKETS[1m]))
histogram_quantile(0.05, istio_request_duration_milliseconds_bucket{destination_workload="quick"})
histogram_quantile(0.3, istio_request_duration_milliseconds_bucket{destination_workload="quick"})
histogram_quantile(0.45, istio_request_duration_milliseconds_bucket{destination_workload="quick"})
histogram_quantile(0.9, rec_left)
histogram_quantile(0.9, sum by (le) (rate(BUCKETS[1m])))
rec_left + 1
1 - rec_left
rec_left * rec_right
rec_left - rec_right
rec_left / rec_right
rec_left % 2
-7 % 3
7 % -3
rec_special % 3
5 % rec_special
rec_left ^ 2
rec_left ^ 0.5
rec_special ^ 2
rec_special ^ -1
2 ^ rec_special
-2 ^ 2
2 ^ 3 ^ 2
rec_special / 0
0 / rec_special
rec_left > 0
0 < rec_left
0 > rec_left
rec_left == 7
rec_left != 7
rec_left >= bool 1
rec_left <= bool 1
1 > bool 2
1 == bool 1
rec_left > rec_right
rec_left < rec_right
rec_left < bool rec_right
rec_special == rec_special
rec_special != bool rec_special
rec_left + on(place) rec_right
rec_left == on(place) rec_left
rec_left > on(place) rec_right
rec_left + on() rec_right
rec_left + ignoring(place) rec_right
rec_left{place="a"} + ignoring(place) rec_right{place="d"}
rec_left{place="a"} > bool ignoring(place) rec_right{place="d"}
rec_left{place="a"} < ignoring(place) rec_right{place="d"}
rec_many * on(place) rec_left
rec_left * on(place) rec_many
rec_many * on(place) group_left rec_left
rec_many * ignoring(row) group_left rec_left
rec_left * on(place) group_right rec_many
rec_many * on(place) group_left(owner) rec_info
rec_many > on(place) group_left(owner) rec_info
rec_info * on(place) group_right(owner) rec_many
rec_many * on(place) group_left(row) rec_info
rec_many + on(job) group_left rec_many
sum by (place) (rec_many) + on(place) group_left rec_left
rec_left and rec_right
rec_left or rec_right
rec_left unless rec_right
rec_many and on(place) rec_left
rec_many unless on(place) rec_left
rec_many or on(place) rec_left
rec_left or on(place) rec_many
rec_left and ignoring(place) rec_right
rec_left or vector(0)
rec_nothing or vector(0)
rec_left and rec_right or rec_info
rec_left or rec_right and rec_info
vector(3)
vector(time())
time() - 1
scalar(rec_left)
scalar(rec_wave)
scalar(rec_nothing)
rec_left * scalar(rec_wave)
absent(rec_left)
absent(rec_nothing)
absent(rec_nothing{place="a",other=~"b.*",third!="c"})
absent(rec_nothing{place="a",place="b",owner="x"})
absent({__name__="rec_nothing",place="a"})
absent(sum(rec_nothing{place="a"}))
round(rec_left)
round(rec_left, 0.2)
round(rec_left, 4)
round(rec_left, -3)
round(rec_special)
round(rec_special, 0)
clamp_min(rec_left, 0)
clamp_max(rec_left, 0)
clamp_min(rec_special, 1)
clamp_max(rec_special, 1)
clamp_min(rec_left, NaN)
abs(rec_left)
abs(rec_special)
abs({__name__=~"rec_(left|right)"})
-{__name__=~"rec_(left|right)"}
rec_left @ 0
(rec_left + (2)) * (3)
sum(rate(istio_requests_total{destination_workload="healthy"}[1m] offset 2m)) > bool 5
"""


def _written_out(query: str) -> str:
    for word, selector in _SHORT.items():
        query = query.replace(word, selector)
    return query


QUERIES = tuple(map(_written_out, _LIST.strip().splitlines()))
"""Every function, aggregation and operator that is understood, over every kind of series in the recording."""

_NUMBER = st.sampled_from(["0", "1", "-2.5", "0.5", "3", "2", "NaN", "+Inf", "-Inf"])
_SELECTOR = st.sampled_from(
    [
        "rec_left",
        "rec_right",
        "rec_many",
        "rec_info",
        "rec_special",
        'rec_many{row="1"}',
        'rec_left{place!="a"}',
        '{__name__=~"rec_(left|right|many)"}',
    ]
)
_COUNTER = st.sampled_from(
    [
        'istio_requests_total{destination_workload_namespace="recorded"}',
        'istio_requests_total{destination_workload=~"restarted|young"}',
        'istio_requests_total{response_code=~"5.."}',
        "rec_wave",
    ]
)
_LABELS = st.lists(st.sampled_from(["place", "row", "owner", "response_code", "destination_workload"]), max_size=2)
_OPERATOR = st.sampled_from(["+", "-", "*", "/", "%", "^", ">", "<", "==", "!=", ">=", "<=", "> bool", "== bool"])


@st.composite
def rates(draw: st.DrawFn) -> str:
    """A function of a counter over some window of the recording."""
    function = draw(st.sampled_from(["rate", "increase", "irate"]))
    window, offset = draw(st.integers(1, 700)), draw(st.integers(0, 700))
    return f"{function}({draw(_COUNTER)}[{window}s] offset {offset}s)"


@st.composite
def matches(draw: st.DrawFn, vectors: st.SearchStrategy[str]) -> str:
    """An operator between two vectors."""
    labels = ",".join(draw(_LABELS))
    matching = draw(st.sampled_from(["", f"on({labels})", f"ignoring({labels})"]))
    group = draw(st.sampled_from(["", "group_left", "group_right", "group_left(owner)"])) if matching else ""
    symbol = draw(st.one_of(_OPERATOR, st.sampled_from(["and", "or", "unless"])))
    group = "" if symbol in {"and", "or", "unless"} else group
    return f"({draw(vectors)}) {symbol} {matching} {group} ({draw(vectors)})"


def larger(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions made of smaller ones."""
    aggregation = st.sampled_from(["sum", "avg", "min", "max", "count"])
    function = st.sampled_from(
        ["abs({})", "round({})", "-({})", "clamp_min({}, 1)", "vector(scalar({}))", "absent({})"]
    )
    return st.one_of(
        st.builds(
            "{} {} ({}) ({})".format, aggregation, st.sampled_from(["by", "without"]), _LABELS.map(",".join), vectors
        ),
        st.builds(str.format, function, vectors),
        st.builds("({}) {} ({})".format, vectors, _OPERATOR, _NUMBER),
        st.builds("({}) {} ({})".format, _NUMBER, _OPERATOR, vectors),
        matches(vectors),
    )


EXPRESSIONS = st.recursive(st.one_of(_SELECTOR, rates()), larger, max_leaves=4)
"""Vectors put together at random: most have samples, some cannot be matched, and none is beyond what is understood."""
