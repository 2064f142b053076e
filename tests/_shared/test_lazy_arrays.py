"""Views of arrays that are read on demand."""

import pickle
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lazy_sources import Rows, reading_threads
from scipy import sparse

from sk_cifar_ovr._shared import lazy_arrays
from sk_cifar_ovr._shared.lazy_arrays import LazyArray, blocks, check_fits_memory, is_lazy, read_each


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 256, (23, 4, 3, 2)).astype("uint8")


def stored(kind, values, folder):
    """The values as an array-like of another library."""
    if kind == "rows":
        return Rows(values)
    if kind == "h5py":
        h5py = pytest.importorskip("h5py")
        with h5py.File(folder / "images.h5", "w") as file:
            file.create_dataset("images", data=values, chunks=(5, *values.shape[1:]))
        return h5py.File(folder / "images.h5", "r")["images"]
    if kind == "zarr":
        array = pytest.importorskip("zarr").create_array(
            str(folder / "images.zarr"), shape=values.shape, chunks=(5, *values.shape[1:]), dtype=values.dtype
        )
        array[:] = values
        return array
    return pytest.importorskip("dask.array").from_array(values, chunks=(5, *values.shape[1:]))


KINDS = ("rows", "h5py", "zarr", "dask")


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_array(values, tmp_path, kind):
    view = LazyArray(stored(kind, values, tmp_path))
    half, keys = (
        view[::2],
        [slice(None), slice(2, 9), slice(None, None, -4), [5, 2, 2, -1], np.array([], int), [3, 4, 5]],
    )
    for key in keys:
        np.testing.assert_array_equal(view.read(key), values[key])
        np.testing.assert_array_equal(np.asarray(view[key]), values[key])
        np.testing.assert_array_equal(half[key].read(), values[::2][key])
    mask = np.arange(23) % 3 == 0
    np.testing.assert_array_equal(view[mask].read(), values[mask])
    for one in (-2, np.int8(-2), np.array(21), np.uint64(21), (21, ...)):
        np.testing.assert_array_equal(view[one], values[-2])
    for whole in (..., (), (...,)):
        np.testing.assert_array_equal(view[whole].read(), values)
    np.testing.assert_array_equal(half[np.array([3, 1], "uint64")].read(), values[[6, 2]])
    np.testing.assert_array_equal(np.asarray(view[[3, 1], ...], "float32"), values[[3, 1]].astype("float32"))
    assert (view.shape, view.ndim, view.size, len(view)) == (values.shape, 4, values.size, 23)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickled_view_reads_the_same(values, tmp_path, kind):
    view = pickle.loads(pickle.dumps(LazyArray(stored(kind, values, tmp_path))[[7, 3]]))
    np.testing.assert_array_equal(view.read(), values[[7, 3]])


def test_a_dataset_that_no_other_process_can_open_says_so(values, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File("nowhere", "w", driver="core", backing_store=False) as file:
        view = LazyArray(file.create_dataset("images", data=values))
        with pytest.raises(TypeError, match="memory only.*n_jobs=1"):
            pickle.dumps(view)
    view = LazyArray(stored("h5py", values, tmp_path))
    pickled = pickle.dumps(view)
    view.source.file.close()
    (tmp_path / "images.h5").unlink()
    # An error in unpickling would only be seen as a broken process pool.
    view = pickle.loads(pickle.dumps(pickle.loads(pickled)))
    assert view.shape == values.shape
    with pytest.raises(OSError, match=r"images\.h5.*mode 'r'"):
        view[:3].read()


def test_a_dataset_of_a_closed_file(values, tmp_path):
    dataset = stored("h5py", values, tmp_path)
    view = LazyArray(dataset)
    dataset.file.close()
    uses = (is_lazy, LazyArray, lambda _: len(view), lambda _: view[:2], lambda _: is_lazy(view), lambda _: view.read())
    for use in (*uses, lambda _: pickle.dumps(view)):
        with pytest.raises(ValueError, match="file of this dataset was closed"):
            use(dataset)


def test_reshaped_rows(values):
    view = LazyArray(Rows(values)).reshape(23, 24)
    np.testing.assert_array_equal(view[[4, 2]].read(), values.reshape(23, 24)[[4, 2]])
    with pytest.raises(ValueError, match="cannot reshape"):
        view.reshape(23, 25)


WRONG_KEYS = [23, -24, [23], np.ones(4, bool), [0.5], (0, 1), (..., 0), None, "a", 0.5, True, np.array(0.5)]
WRONG_KEYS += [np.array(True), [[0]], np.ones((23, 4), bool), {"a": 1}]


@pytest.mark.parametrize("key", WRONG_KEYS, ids=repr)
def test_rows_that_do_not_exist(values, key):
    with pytest.raises(IndexError):
        LazyArray(Rows(values))[key]


def test_a_source_that_is_not_what_it_says(values):
    source = Rows(values)
    source.dtype = np.dtype("float32")
    with pytest.raises(ValueError, match="has dtype float32 and gave uint8"):
        LazyArray(source).read()
    source = Rows(values)
    source.shape = (30, 4, 3, 2)
    with pytest.raises(ValueError, match="shape.*rows 0 to 29"):
        LazyArray(source).read()


def test_what_is_lazy(values):
    h5_empty = SimpleNamespace(shape=None, dtype=values.dtype, __getitem__=None)
    in_memory = [values, values.tolist(), pd.DataFrame(values[:, 0, 0]), sparse.csr_array(values[:, 0, 0]), h5_empty]
    assert not any(map(is_lazy, in_memory))
    assert not is_lazy(np.uint8(3))
    assert is_lazy(Rows(values))
    assert is_lazy(LazyArray(Rows(values)))


def test_limits_follow_the_rows(values):
    source = Rows(values.astype("float32"))
    view = LazyArray(source)[::-1][:10].with_limits()
    assert sum(source.asked) == 10
    assert view.value_range() == (values[13:].min(), values[13:].max())
    assert view[[2]].reshape(1, 24).value_range() == (values[20].min(), values[20].max())
    assert view.with_limits() is view


def test_blocks_are_bounded_and_hold_all(values, monkeypatch):
    monkeypatch.setattr(lazy_arrays, "BLOCK_BYTES", 100)
    source = Rows(values)
    np.testing.assert_array_equal(np.asarray(LazyArray(source)), values)
    assert max(source.asked) == 4
    assert sum(part.stop - part.start for part in blocks(values)) >= 23


def test_only_image_files_are_unwrapped(values):
    """Their views are what the caller has; a view of another source would be read."""
    source = Rows(values)
    assert isinstance(LazyArray(source)[[3, 1]].unwrapped(), LazyArray)
    assert source.asked == []
    source.reading = {"image_size": None}
    np.testing.assert_array_equal(LazyArray(source)[[1, 3]].unwrapped(), values[[1, 3]])
    assert isinstance(LazyArray(source)[[1, 3]].reshape(2, 24).unwrapped(), LazyArray)


def test_an_array_larger_than_memory_is_refused(monkeypatch):
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    check_fits_memory((2**29,), np.dtype("uint8"))
    with pytest.raises(MemoryError, match="batch by batch"):
        check_fits_memory((2**29 + 1,), np.dtype("uint8"))
    source = Rows(np.broadcast_to(np.uint8(0), (2**20, 1024)))
    with pytest.raises(MemoryError, match="1.0 GiB"):
        np.asarray(LazyArray(source))
    assert source.asked == []


# -- reading ahead ------------------------------------------------------------------------------------------


def test_the_next_batch_is_read_while_this_one_is_used(values):
    second = threading.Event()
    source = Rows(values, before_read=lambda n: second.set() if n == 1 else None)
    batches = read_each(LazyArray(source), [[4, 2], [1, 1], [0]])
    np.testing.assert_array_equal(next(batches), values[[4, 2]])
    # Nobody has asked for the second one yet.
    assert second.wait(60)
    np.testing.assert_array_equal(next(batches), values[[1, 1]])
    np.testing.assert_array_equal(next(batches), values[[0]])
    assert list(batches) == []
    assert reading_threads() == []


@pytest.mark.parametrize(("n_bytes", "n_ahead"), [(2**28, 3), (2 * 24, 2), (1, 1)])
def test_few_batches_are_read_ahead(values, monkeypatch, n_bytes, n_ahead):
    monkeypatch.setattr(lazy_arrays, "AHEAD_BYTES", n_bytes)
    source = Rows(values)
    batches = read_each(LazyArray(source), ([k] for k in range(20)))
    for _ in range(5):
        next(batches)
    batches.close()
    assert len(source.asked) <= 5 + n_ahead
    assert reading_threads() == []


def test_an_error_comes_with_its_batch_and_ends_the_thread(values):
    def fail(n):
        if n == 1:
            raise FileNotFoundError("image 7 is gone")

    batches = read_each(LazyArray(Rows(values, fail)), [[0], [1], [2]])
    np.testing.assert_array_equal(next(batches), values[[0]])
    with pytest.raises(FileNotFoundError, match="image 7"):
        next(batches)
    assert reading_threads() == []


def test_arrays_in_memory_are_read_in_this_thread(values):
    batches = read_each(values, [slice(2)])
    assert np.shares_memory(next(batches), values)
