"""Settings of the tests by hypothesis: the same examples in every run, whatever the machine does besides."""

from hypothesis import HealthCheck, settings


def reproducible(max_examples: int):
    """Decorator: `max_examples` examples that depend on the test only, without a time limit or files of examples."""
    return settings(
        max_examples=max_examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
