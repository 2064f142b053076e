"""What both classifiers of images do alike: check, continue, fit."""

from abc import abstractmethod
from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin

from .._shared.groups import group_codes
from .._shared.sklearn_internals import fit_context
from ._fitting import FitMode
from ._held_out import HeldOut, warn_of_held_out
from .inputs import LabelledImages, check_known_columns, check_partial_fit, keeps_last_fit, labelled_images


class BaseImageClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers of images: `fit` and `partial_fit` check their input once and hand it on."""

    classes_: Any
    # By the last fit; None if it held out nothing.
    _held_out: HeldOut | None = None

    @abstractmethod
    def _training_settings(self, *, partial: bool = False):
        """The `CNNClassifier` whose parameters count, and whether a `fit` may continue from the last one."""

    @abstractmethod
    def _fit_images(self, images: LabelledImages, mode: FitMode):
        """Fit on checked images and return self."""

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None, *, groups=None):
        """Train on images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows of any numeric dtype, pixels from 0 to 255. A float array within 0-1 is taken as
            scaled to 0-1, with a warning.
        y : array-like of shape (n,)
            Class labels. They are required: for datasets that hold both images and labels, the error names
            `datasets.read_images`.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the images; an image of weight 0 is left out.
        groups : array-like of shape (n,) or None, default=None
            Group of each image, such as a patient, a burst or a video: any hashable labels. `validation_fraction` and
            `early_stopping` hold out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y, `sample_weight` or `groups` is invalid; the message says what to do.
        NonFiniteLossError
            If the loss becomes NaN or infinite; the estimator stays as it was.
        ResamplingError
            If a sampler cannot resample a task.
        OSError
            If a folder for features cannot be written to.

        Warns
        -----
        RareClassWarning
            If no image of a class could be held out for validation.
        UserWarning
            If groups are so large that another share than `validation_fraction` is held out.
        """
        settings, may_continue = self._training_settings()
        continues = may_continue and settings.warm_start and self.__sklearn_is_fitted__()
        return self._fit_checked(X, y, sample_weight, groups, None, FitMode(continues))

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        """Train for one epoch, continuing from the last call.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `fit`.
        y : array-like of shape (n,)
            Class labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that will ever occur. Required in the first call, optional later.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights of the images.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in `fit`; if the first call lacks `classes`, a later one has others or y holds others; if training
            may stop early; or if thresholds or calibration are to be tuned.
        NonFiniteLossError
            If the loss becomes NaN or infinite; the estimator stays as it was.

        Notes
        -----
        The state of the optimizer is kept from call to call. A learning-rate schedule runs over each call, and
        balanced weights are those of its images.
        """
        settings, _ = self._training_settings(partial=True)
        check_partial_fit(self, y, classes, early_stopping=settings.early_stopping)
        mode = FitMode(continues=self.__sklearn_is_fitted__(), partial=True)
        return self._fit_checked(X, y, sample_weight, None, classes, mode)

    @keeps_last_fit
    def _fit_checked(self, X, y, sample_weight, groups, classes, mode: FitMode):
        classes = self.classes_ if mode.continues else classes
        images = labelled_images(self, X, y, sample_weight, classes=classes, reset=not mode.continues)
        images = replace(images, groups=group_codes(groups, len(images.y)))
        check_known_columns(images, partial=mode.partial)
        fitted = self._fit_images(images, mode)
        if not mode.partial:
            warn_of_held_out(self._held_out, images.groups is not None)
        return fitted

    @abstractmethod
    def __sklearn_is_fitted__(self) -> bool: ...

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
