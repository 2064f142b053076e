"""`CNNClassifier`: one network, binary or multiclass."""

import os
from numbers import Integral, Real

import keras
import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._shared.sklearn_internals import Interval, StrOptions
from ..augment import AUGMENTATIONS
from ..engine import SCHEDULES
from ..engine.compiled import PRECISIONS
from ._base import BaseImageClassifier
from ._fitting import fit_classifier
from ._keras_models import (
    picklable,
    restored,
    set_trained,
    set_up_trained,
    sharing_model,
    trained_network,
    with_columns,
)
from ._network_setup import expected_scale
from ._routed_parameters import check_routed_names
from .inputs import images_like_fitted
from .recipes import RECIPES


class CNNClassifier(BaseImageClassifier):
    """A convolutional network as a scikit-learn classifier.

    Parameters
    ----------
    model : str, callable, keras.Model or path-like, default="cifar_cnn"
        Name of a built-in network, or a builder ``(meta, *, option=default, ...) -> keras.Model`` that returns an
        uncompiled model with softmax output, logits or, for two classes, one sigmoid. Set its options by
        ``model__option=value``. Or a Keras model, or the path of a ``.keras`` file: each fit trains a copy that
        starts from its weights, and the model itself never changes; see Notes.
    loss : {"focal", "crossentropy"}, keras.losses.Loss or a subclass of it, default="crossentropy"
        Loss to minimise. "focal" is `SparseCategoricalFocalLoss` with the options ``loss__gamma`` and
        ``loss__alpha``; both names take ``loss__label_smoothing``.
    class_weight : "balanced", dict or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    optimizer : str, keras.optimizers.Optimizer or a subclass of it, default="adam"
        An instance is copied through its ``get_config``; the original is not modified.
        ``optimizer__use_ema=True`` keeps the moving average of the weights over the last tenth of the steps, at most
        a thousand; ``optimizer__ema_momentum`` sets another average.
    epochs : int or "auto", default="auto"
        Number of passes over the training images. "auto" takes more for few images, so that there are enough gradient
        steps: 64 for 1,000 images, 34 for 5,000, 14 for 50,000; a quarter of it if images are smaller than 16 pixels.
    head_epochs : int, default=0
        Number of epochs that train only the last layer, before `epochs` train the rest too. Without `augment`, its
        inputs are computed once and reused. Ignored by `partial_fit` and `warm_start`.
    fine_tune_rate : float, default=0.1
        Share of the optimizer's learning rate in the epochs after `head_epochs`.
    feature_cache : str, path-like or None, default=None
        Folder in which the inputs of the last layer are kept between fits. Files are found by the content of weights
        and images.
    batch_size : int or "auto", default="auto"
        Images in one gradient step; at most the number of training images. "auto" is 16, 32, 64 or 128: the largest
        that leaves a hundred steps an epoch.
    batch_statistics : {"exact", "moving"}, default="exact"
        Means and variances with which batch normalisation predicts. "exact" averages those of batches of training
        images, augmented and drawn as in training, after the last step and before each validation, so that they
        belong to the present weights. It takes 2,000 images, or a fortieth of a long training. "moving" keeps the
        moving averages of Keras, which lag behind the weights of a short training. Frozen layers keep their
        statistics. The weights are the same either way.
    balanced_batches : bool or float, default=False
        Draw every batch with set shares of the classes. True gives all classes the same share; a number between 0
        and 1 is the share of the rarest class (the last of those that are equally rare), and the others keep their
        proportions. An epoch keeps its length: images of a rare class come several times, some of a frequent one
        wait for the next epoch.
    image_shape : tuple (height, width, channels) or None, default=None
        Shape of a flat row of X; not needed for images.
    pixel_max : float or None, default=None
        Value of white: 65535 for 16-bit images, 4095 for 12-bit ones, 1 for floats from 0 to 1 and for masks. None is
        255, or 1 if X is a float array that lies within 0-1, or at most 0.2 beyond as after interpolation, with a
        warning. Integers above white are an error.
    recipe : {"auto", "strong", "long", "reference"}, dict or None, default="auto"
        Sets several parameters; those that you set to something else than their default override it.

        - "auto" is for any number of images, with ``epochs="auto"``: ``schedule="one_cycle"``, AdamW with learning
          rate 2e-3, weight decay 5e-2 and averaged weights, shifts by an eighth of the side, and mirroring
          (``augment__flip``, `test_flip`) if a quick test on the training images shows that mirror images keep their
          class. Networks other than "cifar_cnn", "small_resnet" and "whitened_cnn", and trainings with `head_epochs`,
          get no recipe.
        - "strong" is for photographs and about ten epochs or more: ``augment="flip_shift"``,
          ``schedule="one_cycle"``, AdamW with learning rate 3e-3 and weight decay 1e-2, ``test_flip=True``.
        - "long" is for forty epochs or more and adds ``augment__shift=4``, ``augment__flip="alternating"`` and
          ``optimizer__use_ema=True`` to it.
        - "reference" is focal loss for 18 epochs in batches of 128. As with None, images are not augmented and Adam
          keeps its rate.
        - A dict sets other parameters by name, such as the `recipe_` of another classifier.
    augment : {"flip_shift"}, keras.layers.Layer or None, default=None
        Random changes of the training images. "flip_shift" is `augment.RandomFlipShift` with the options
        ``augment__shift``, ``augment__flip`` and ``augment__cutout``.
    schedule : {"one_cycle", "cosine"} or None, default=None
        Learning-rate schedule over the fit, up to the optimizer's own rate and down to zero.
    test_flip : bool, default=False
        Average predictions over each image and its mirror image.
    test_shift : int, default=0
        Average predictions over each image and two copies moved by so many pixels, which count half.
    validation_fraction : float or None, default=None
        Share of the images held out, stratified, to report ``val_loss`` in `history_`. It is computed with the
        current weights, not with averaged ones. The only image of a class is not held out.
    early_stopping : bool, default=False
        Stop if the validation loss has not fallen for `n_iter_no_change` epochs, and keep the weights of the best
        epoch. Holds out a tenth if `validation_fraction` is None.
    n_iter_no_change : int, default=5
        Patience of `early_stopping`, in epochs.
    precision : {"auto", "float32", "mixed_bfloat16", "float64"}, default="auto"
        Precision of the computation; weights of "mixed_bfloat16" and all outputs are float32 or better. "auto" takes
        bfloat16 for built-in networks where it is faster (GPUs, CPUs with AMX), and does not change your own networks.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of the weights, the order of the images, the augmentation and the validation split. As in scikit-learn, a
        ``numpy.random.Generator`` is refused; draw a seed from it: ``int(rng.integers(2**31))``.
    checkpoint : str, path-like or None, default=None
        Folder in which the fit stores its state, so that it can be resumed. If the process is killed, call `fit` again
        with the same data and parameters: it continues after the last stored epoch. On a CPU the weights are those of
        an uninterrupted fit. One folder can serve many fits, such as the candidates of a search; finished fits are not
        trained again. Delete the folder when you no longer need it. With ``random_state=None`` the seed is drawn once
        and stored in the folder. `callbacks` start from their initial state.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called at the begin and end of training (with `head_epochs`, of both parts) and of each epoch; not for batches.
    warm_start : bool, default=False
        Let `fit` continue from the weights and the optimizer of the last fit, on the same classes.
    verbose : int, default=0
        1 shows a progress line on standard error.
    **routed
        Parameters of the builder, the loss, the optimizer and the augmentation, such as
        ``model__filters=(32, 64, 128)``, ``loss__gamma=2.0``, ``optimizer__learning_rate=1e-3``,
        ``augment__shift=4``. Names that the target does not take are refused by `fit`, names without ``__`` also by
        `set_params`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of flat rows; height * width * channels of images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had names.
    image_reading_ : dict or None
        How the training images were prepared (`image_size`, `fit`, `sixteen_bit`), for ``sk-cifar-ovr predict``: set
        if X is an `ImageFiles`, and by ``sk-cifar-ovr report``. Arrays do not tell; assign `data.reading` to it.
    network_ : object
        The trained network as plain data: how it is built, and its weights.
    model_ : keras.Model
        The trained network as a Keras model, on pixels from 0 to 255: ``model_(X * pixel_scale_)``. It is a copy:
        changing it does not change predictions.
    history_ : dict of lists of float
        ``loss`` and, if images were held out, ``val_loss`` of each epoch; NaN for epochs of an earlier fit that held
        out none.
    n_iter_ : int
        Number of epochs trained.
    epochs_, batch_size_ : int
        Values of `epochs` and `batch_size` in the last fit. `from_keras` sets neither them nor `recipe_`.
    recipe_ : dict
        Parameters that the recipe of the last fit sets, also those that you set to something else.
    image_shape_ : tuple of int
        Shape of one image as the network takes it.
    precision_ : str
        Precision that "auto" chose; "as built" for your own networks.
    pixel_scale_ : float
        Factor of the pixels on their way into the network: 255 / `pixel_max`, or 255 if X was taken as 0-1, else 1.

    Notes
    -----
    Options of a Keras model as `model`:

    - ``model__weights=None`` draws new weights.
    - ``model__head="new"`` replaces its last layer by a new one, for other classes. One-vs-rest tasks always do.
    - ``model__pixels`` tells which pixels it takes: "0-255", "0-1", "-1-1", or the name of a network of
      `keras.applications` for its preprocessing. If neither this nor its first layers tell, it gets 0-255, with a
      warning.
    - ``model__columns`` is the index of the output of each class, if these are not in sorted order.

    Clones share the model, which no fit changes.

    See Also
    --------
    OneVsRestCNNClassifier : One task a class, "class k or the rest"; also takes several labels an image.
    CNNFeatures : The output of a layer as a transformer.
    sklearn.neural_network.MLPClassifier : A network without convolutions.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar (2017), "Focal Loss for Dense Object Detection".

    Examples
    --------
    >>> from sk_cifar_ovr import CNNClassifier, load_digit_images
    >>> digits = load_digit_images()
    >>> clf = CNNClassifier(epochs=2, random_state=0).fit(digits.images[:512], digits.target[:512])
    >>> clf.predict(digits.images[:3]).shape
    (3,)
    >>> clf.predict_proba(digits.images[:3]).shape
    (3, 10)
    >>> clf.set_params(loss="focal", loss__gamma=1.0).get_params()["loss__gamma"]
    1.0
    """

    _parameter_constraints: dict = {
        "model": [str, callable, os.PathLike],
        "loss": "no_validation",
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "optimizer": "no_validation",
        "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "head_epochs": [Interval(Integral, 0, None, closed="left")],
        "fine_tune_rate": [Interval(Real, 0, None, closed="neither")],
        "feature_cache": [str, os.PathLike, None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_statistics": [StrOptions({"exact", "moving"})],
        "balanced_batches": ["boolean", Interval(Real, 0, 1, closed="neither")],
        "image_shape": [tuple, list, None],
        "pixel_max": [Interval(Real, 0, None, closed="neither"), None],
        "recipe": [StrOptions({"auto", *RECIPES}), dict, None],
        "augment": [StrOptions(set(AUGMENTATIONS)), keras.layers.Layer, None],
        "schedule": [StrOptions({name for name in SCHEDULES if name}), None],
        "test_flip": ["boolean"],
        "test_shift": [Interval(Integral, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions(set(PRECISIONS))],
        "random_state": ["random_state"],
        "checkpoint": [str, os.PathLike, None],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model="cifar_cnn",
        *,
        loss="crossentropy",
        class_weight=None,
        optimizer="adam",
        epochs="auto",
        head_epochs=0,
        fine_tune_rate=0.1,
        feature_cache=None,
        batch_size="auto",
        batch_statistics="exact",
        balanced_batches=False,
        image_shape=None,
        pixel_max=None,
        recipe="auto",
        augment=None,
        schedule=None,
        test_flip=False,
        test_shift=0,
        validation_fraction=None,
        early_stopping=False,
        n_iter_no_change=5,
        precision="auto",
        random_state=None,
        checkpoint=None,
        callbacks=None,
        warm_start=False,
        verbose=0,
        **routed,
    ):
        self.model = model
        self.loss = loss
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.epochs = epochs
        self.head_epochs = head_epochs
        self.fine_tune_rate = fine_tune_rate
        self.feature_cache = feature_cache
        self.batch_size = batch_size
        self.batch_statistics = batch_statistics
        self.balanced_batches = balanced_batches
        self.image_shape = image_shape
        self.pixel_max = pixel_max
        self.recipe = recipe
        self.augment = augment
        self.schedule = schedule
        self.test_flip = test_flip
        self.test_shift = test_shift
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.verbose = verbose
        self._routed = routed

    def get_params(self, deep=True):
        """Parameters of this estimator, routed ones included.

        Parameters
        ----------
        deep : bool, default=True
            Ignored: no parameter is an estimator.

        Returns
        -------
        dict
        """
        return {**super().get_params(deep=deep), **self._routed}

    def set_params(self, **params):
        """Set parameters, routed ones included.

        Parameters
        ----------
        **params
            Names and values.

        Returns
        -------
        self

        Raises
        ------
        UnknownParameterError
            If a name is neither a parameter nor routed.
        """
        own = self._get_param_names()
        routed = {name: value for name, value in params.items() if name not in own}
        check_routed_names(routed.keys() - self._routed.keys(), type(self).__name__, own=own)
        super().set_params(**{name: value for name, value in params.items() if name in own})
        self._routed = {**self._routed, **routed}
        return self

    @classmethod
    def from_keras(cls, model, *, classes, pixels=None, **params):
        """A fitted estimator from a trained Keras model, without any training.

        Parameters
        ----------
        model : keras.Model, str or path-like
            The model, which is copied, or the path of a ``.keras`` file. Its output is a softmax, logits or, for two
            classes, one sigmoid or its logit.
        classes : array-like of shape (n_classes,)
            Label of each output, in the order of the outputs; for one sigmoid, those of 0 and 1.
        pixels : {"0-255", "0-1", "-1-1"}, str or None, default=None
            Pixels that the model takes, to which 0-255 are converted. The name of a network of `keras.applications`,
            such as ``"ResNet50"``, stands for its preprocessing. May be left out if the first layers of the model
            scale pixels 0-255 themselves, as `keras.layers.Rescaling` does.
        **params
            Parameters of the estimator: `image_shape` if the model takes images of any size, `pixel_max` if white is
            not 255 in X, and what a later fit shall use.

        Returns
        -------
        CNNClassifier
            Fitted. `fit` trains a copy that starts from the weights of the model, `partial_fit` continues.

        Raises
        ------
        ValueError
            If nothing tells which pixels the model takes, or its outputs are not one for each class.
        NetworkError
            If Keras cannot make the model again from its configuration.
        FileNotFoundError, SavedFileError
            If the file cannot be read.

        See Also
        --------
        sklearn.frozen.FrozenEstimator : Keeps other estimators from fitting it again.

        Examples
        --------
        >>> import keras
        >>> from sk_cifar_ovr import CNNClassifier, load_digit_images
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax"),
        ... ])
        >>> clf = CNNClassifier.from_keras(model, classes=range(10), pixels="0-1")
        >>> clf.predict_proba(load_digit_images().images[:3]).shape
        (3, 10)
        """
        classes, params = with_columns(params, classes, pixels)
        estimator = cls(model, **params)
        setup = set_up_trained(estimator, classes)
        return set_trained(estimator, setup, trained_network(setup))

    def __sklearn_clone__(self):
        return sharing_model(BaseImageClassifier.__sklearn_clone__, self)

    def __getstate__(self):
        return picklable(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(restored(state))

    def _training_settings(self, *, partial=False):
        return self, True

    def _fit_images(self, images, mode):
        return fit_classifier(self, images, mode)

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images or flat rows, on the same scale as in `fit`.

        Returns
        -------
        ndarray of float, shape (n, n_classes)
            Columns in the order of `classes_`; rows sum to 1.
        """
        check_is_fitted(self)
        scale = expected_scale(self.model, self.network_.scale)
        return self.network_.predict(images_like_fitted(self, X, self.network_.shape, scale))

    def predict(self, X):
        """Most probable class of each image.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            As in `predict_proba`.

        Returns
        -------
        ndarray of shape (n,)
        """
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]

    @property
    def model_(self) -> keras.Model:
        """The trained network as a `keras.Model`, built when first asked for."""
        check_is_fitted(self)
        return self.network_.model()

    @property
    def pixel_scale_(self) -> float:
        """Factor of the pixels on their way into the network."""
        check_is_fitted(self)
        return self.network_.scale

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of one image as the network takes it."""
        check_is_fitted(self)
        return self.network_.shape

    @property
    def precision_(self) -> str:
        """Precision that "auto" chose; "as built" for your own networks."""
        check_is_fitted(self)
        return self.network_.spec.precision or "as built"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")
