"""Images of an embedding, drawn at their points."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from .._shared.lazy_arrays import LazyArray, is_lazy, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def check_images(images: Any, y: NDArray[Any]) -> Any:
    """Return one image per label: an ndarray, or an array whose rows are read on demand.

    Parameters
    ----------
    images : array-like of shape (n, h, w) or (n, h, w, c)
        Images of 1, 3 or 4 channels.
    y : ndarray of shape (n,)
        Labels.

    Returns
    -------
    ndarray or LazyArray of shape (n, h, w) or (n, h, w, c)

    Raises
    ------
    ValueError
        If the shape is another, or the number of images differs from that of labels.
    """
    check_consistent_length(images, y)
    checked = LazyArray(images) if is_lazy(images) else np.asarray(images)
    if checked.ndim not in (3, 4) or checked.shape[3:] not in ((), (1,), (3,), (4,)):
        raise ValueError(f"`images` must be (n, h, w) or (n, h, w, c) of 1, 3 or 4 channels, got {checked.shape}.")
    return checked


def thumbnails(images: Any, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return some of the checked images as `imshow` accepts them: grey, RGB or RGBA, with values in 0-1."""
    selected = read(images, rows)
    # The range of all images; of images that are read on demand, the range of those drawn.
    values = images if isinstance(images, np.ndarray) else selected
    white = 1.0 if values.dtype.kind == "f" and values.max() <= 1 else 255.0
    return (selected[..., 0] if selected.shape[3:] == (1,) else selected) / white


def farthest_points(points: NDArray[np.float64], n: int, min_distance: float) -> tuple[list[int], float]:
    """Select points far apart by farthest-first traversal.

    The first point is the nearest to the mean. Each further point is the farthest from those selected so far.
    Distances are Chebyshev distances: squares with sides up to the smallest distance do not overlap.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        The points to select from.
    n : int
        Maximum number of points.
    min_distance : float
        Stop when no point is farther than this from the selected ones.

    Returns
    -------
    selected : list of int
        Indices of the selected points.
    distance : float
        Smallest distance between two of them; infinity for a single point.

    References
    ----------
    Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance" (Theoretical Computer Science 38, 1985).
    """
    selected = [int(np.abs(points - points.mean(axis=0)).max(axis=1).argmin())]
    to_selected = np.abs(points - points[selected[0]]).max(axis=1)
    distance = np.inf
    while len(selected) < n and to_selected.max() > min_distance:
        distance = float(to_selected.max())
        selected.append(int(to_selected.argmax()))
        to_selected = np.minimum(to_selected, np.abs(points - points[selected[-1]]).max(axis=1))
    return selected, distance


def draw_thumbnail(
    panel: "Axes", image: NDArray[np.float64], center: NDArray[np.float64], side: float, color: str
) -> None:
    """Draw an image with values in 0-1 and a coloured frame as a square around `center`, in data coordinates."""
    from matplotlib.patches import Rectangle

    left, bottom = center - side / 2
    extent = (left, left + side, bottom, bottom + side)
    panel.imshow(image, extent=extent, cmap="gray", vmin=0, vmax=1, zorder=3)
    frame = Rectangle((left, bottom), side, side, fill=False, edgecolor=color, linewidth=1.2, zorder=4)
    panel.add_patch(frame)
