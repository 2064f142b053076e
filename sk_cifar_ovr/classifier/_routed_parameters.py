"""Routed parameters (``loss__gamma``, ``model__filters``, ...): names that nothing takes are refused."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras

from .._shared.text import nearest
from ..exceptions import UnknownParameterError

PREFIXES = ("model", "loss", "optimizer", "augment")


def check_routed_names(names: Iterable[str], estimator: str, *, own: Iterable[str]) -> None:
    """Refuse names that are not routed to the builder, the loss, the optimizer or the augmentation.

    Parameters
    ----------
    names : iterable of str
    estimator : str
        Name of the estimator, for the message.
    own : iterable of str
        Parameters that the estimator does have.

    Raises
    ------
    UnknownParameterError
        With the most similar name.
    """
    for name in names:
        prefix, delimiter, rest = name.partition("__")
        if not delimiter or prefix not in PREFIXES or not rest:
            raise UnknownParameterError(
                f"{estimator} has no parameter {name!r}{nearest(name, own)}; parameters of the builder, the "
                "loss, the optimizer and the augmentation start with model__, loss__, optimizer__ or augment__."
            )


def check_routed(routed: dict[str, Any], *, model: Callable, loss, optimizer, augment=None) -> None:
    """Check that builder, loss, optimizer and augmentation take what is routed to them.

    Raises
    ------
    UnknownParameterError
        With the parameter, the target that does not take it, and the most similar one that it takes.
    """
    targets = {"model": model, "loss": loss, "optimizer": optimizer, "augment": augment}
    for name in routed:
        prefix, _, option = name.partition("__")
        target = targets[prefix]
        if target is None:
            raise UnknownParameterError(f"{name}: {prefix} is None; name one.")
        if prefix != "model" and not inspect.isclass(target):
            raise UnknownParameterError(
                f"{name}: the {prefix} is an instance, which has its parameters already; give the class or name."
            )
        known = _parameters(target, follow_bases=prefix == "optimizer")
        if option not in known:
            whom = getattr(target, "__name__", None) or getattr(getattr(target, "func", None), "__name__", prefix)
            raise UnknownParameterError(
                f"{name}: {whom} takes no {option!r}{nearest(option, known)}. It takes {sorted(known)}."
            )


def routed_parameters(estimator) -> dict[str, Any]:
    """The routed parameters of a CNNClassifier: all but those of its `__init__`."""
    own = estimator._get_param_names()
    return {name: value for name, value in estimator.get_params(deep=False).items() if name not in own}


def options_of(prefix: str, routed: dict[str, Any]) -> dict[str, Any]:
    """The routed parameters of one target, without their prefix.

    Examples
    --------
    >>> options_of("loss", {"loss__gamma": 1.0, "model__filters": (8, 8)})
    {'gamma': 1.0}
    """
    start = f"{prefix}__"
    return {name.removeprefix(start): value for name, value in routed.items() if name.startswith(start)}


def _parameters(target, *, follow_bases: bool) -> set[str]:
    # An optimizer passes **kwargs on to its base, which takes weight_decay, clipnorm and others.
    bases = [c for c in target.__mro__ if issubclass(c, keras.optimizers.Optimizer)] if follow_bases else [target]
    found = [parameter for base in bases for parameter in inspect.signature(base).parameters.values()]
    return {p.name for p in found if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)} - {"meta"}
