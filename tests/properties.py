"""Settings of the tests by hypothesis: the same examples in every run, whatever the machine does besides."""

from hypothesis import HealthCheck, settings


def reproducible(max_examples: int):
    """Decorator: `max_examples` examples that depend on the test only, without a time limit or files of examples.

    There are never more examples than in the profile that is loaded, 100 by default.
    """
    return settings(
        max_examples=min(max_examples, settings.default.max_examples),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
