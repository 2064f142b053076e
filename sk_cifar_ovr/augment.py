"""Random changes of training images, as Keras layers inside the training graph."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="sk_cifar_ovr")
class RandomFlipShift(keras.layers.Layer):
    """Mirror half of the images and shift each by some pixels, the border filled by reflection.

    Parameters
    ----------
    shift : int, default=2
        Largest shift in pixels, in each direction.
    flip : bool, default=True
        Mirror left and right with probability one half.
    seed : int or None, default=None
        Of the layer's own use; a fit of an estimator reseeds it.
    **options
        Those of `keras.layers.Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_cifar_ovr.augment import RandomFlipShift
    >>> images = np.zeros((4, 32, 32, 3), dtype="float32")
    >>> RandomFlipShift(shift=4, seed=0)(images, training=True).shape == images.shape
    True
    """

    def __init__(self, shift=2, flip=True, seed=None, **options):
        super().__init__(**options)
        if shift < 0:
            raise ValueError(f"shift={shift!r} must be a number of pixels, at least 0.")
        self.shift = shift
        self.flip = flip
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        """Changed images in training, else the images.

        Parameters
        ----------
        images : tensor, shape (n, h, w, c)
        training : bool, default=False

        Returns
        -------
        tensor, shape (n, h, w, c)
        """
        if not training:
            return images
        rows = self._picked(images, 1)
        columns = self._picked(images, 2)
        if self.flip:
            mirrored = keras.random.uniform((ops.shape(images)[0], 1), seed=self.generator) < 0.5
            columns = ops.where(mirrored, ops.flip(columns, axis=1), columns)
        # One look-up of whole pixels is several times faster than one along each axis.
        _, height, width, channels = images.shape
        first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)
        place = first + rows[:, :, None] * width + columns[:, None, :]
        return ops.take(ops.reshape(images, (-1, channels)), place, axis=0)

    def _picked(self, images, axis):
        """Which row or column each output pixel comes from, (n, length)."""
        n, length = ops.shape(images)[0], images.shape[axis]
        shift = keras.random.randint((n, 1), -self.shift, self.shift + 1, seed=self.generator)
        place = ops.abs(ops.arange(length, dtype="int32")[None] + shift)
        last = length - 1
        return last - ops.abs(last - place)

    def get_config(self):
        """Settings from which `from_config` makes the same layer."""
        return {**super().get_config(), "shift": self.shift, "flip": self.flip, "seed": self.seed}


AUGMENTATIONS = {"flip_shift": RandomFlipShift}
