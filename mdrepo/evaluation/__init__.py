"""The evaluation of models: predictions (a process of its own with TensorFlow), metrics and comparison (numpy)."""

WORST_FIRST = ("failed", "regressed", "inconclusive", "improved", "baseline", "unchanged", "skipped")
"""The verdicts of several documents, or against several parents, make one: the first of these that is among them."""
