"""Number of threads of t-SNE, by joblib and threadpoolctl instead of scikit-learn's private function."""

from joblib import cpu_count, effective_n_jobs
from threadpoolctl import threadpool_info


def effective_n_threads(n_jobs: int | None) -> int:
    """Convert `n_jobs` to a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib, but None means -1: all.

    Returns
    -------
    int
        At most the number of physical cores, and as many threads as OpenMP uses at present.
    """
    return max(1, min(effective_n_jobs(-1 if n_jobs is None else n_jobs), _max_openmp_threads()))


def _max_openmp_threads() -> int:
    limits = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "openmp"]
    return min([cpu_count(only_physical_cores=True), *limits])
