"""PromQL for the embedded metrics server: what canary analysis uses of it, evaluated as Prometheus evaluates it.

The grammar comes from a library, the meaning from here. Anything that is not understood is refused by name
(:class:`BadQueryError`), never approximated. The contract tests ask a real Prometheus the same of the same samples.
"""

from __future__ import annotations

from infra.local.promql.evaluator import evaluate
from infra.local.promql.values import BadQueryError, Matrix, QueryError, Sample, Value, Vector

__all__ = ["BadQueryError", "Matrix", "QueryError", "Sample", "Value", "Vector", "evaluate"]
