"""Mean of the losses of an epoch's steps."""

import numpy as np

from .._shared.variables import to_numpy
from ..exceptions import NonFiniteLossError


def mean_of_steps(losses: list, sizes: list[int], epoch: int) -> np.ndarray:
    """Mean loss of an epoch.

    Raises
    ------
    NonFiniteLossError
        If a step's loss is NaN or infinite; names the step.
    """
    values = np.array([to_numpy(loss) for loss in losses], "float64")
    if not np.isfinite(values).all():
        step = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise NonFiniteLossError(
            f"The loss became {values[step].sum()} in epoch {epoch + 1}, step {step + 1}, and training stopped. "
            "Lower optimizer__learning_rate, or set optimizer__clipnorm; look for extreme sample weights."
        )
    return np.average(values, axis=0, weights=sizes)
