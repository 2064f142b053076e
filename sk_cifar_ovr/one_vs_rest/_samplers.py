"""The samplers of a one-vs-rest: one for each problem."""

from ..exceptions import ResamplingError
from ..imbalance import ImageSampler, checked_clone
from ._task_sampler import ProblemSampler


def problem_samplers(sampler, strategy: str, y, classes, sample_weight, parts) -> list[ProblemSampler] | None:
    """One sampler a problem, checked as far as can be before anything is trained.

    Parameters
    ----------
    sampler : sampler of imbalanced-learn, ImageSampler or None
    strategy : {"joint", "independent"}
    y : ndarray of shape (n,)
    classes : ndarray of shape (n_classes,)
        Two make one problem.
    sample_weight : ndarray of shape (n,) or None
    parts : list of ndarray of int
        Rows of each training that there will be.

    Returns
    -------
    list or None
        None without a sampler.

    Raises
    ------
    ResamplingError
        If a problem cannot be resampled, or heads on one trunk cannot have what the sampler makes.
    """
    if sampler is None:
        return None
    while isinstance(sampler, ImageSampler):
        sampler._validate_params()
        sampler = sampler.sampler
    sampler = checked_clone(sampler)
    samplers = [ProblemSampler(sampler, label) for label in classes[len(classes) == 2 :].tolist()]
    if strategy == "joint" and len(samplers) > 1 and not samplers[0].picks:
        raise ResamplingError(
            f"{type(sampler).__name__} makes images for each problem, and the heads of strategy='joint' share every "
            "batch. Use strategy='independent', or a sampler that picks images, such as RandomOverSampler or "
            "RandomUnderSampler."
        )
    for rows in parts:
        rows = rows if sample_weight is None else rows[sample_weight[rows] > 0]
        for each in samplers:
            each.check((y[rows] == each.label).astype(int))
    return samplers
