"""
===========================================
A search and a one-vs-rest on other workers
===========================================

The same calls in processes of this machine (loky), on a Dask cluster, or on Ray:

    python examples/cluster_search.py                                        # two processes, by loky
    python examples/cluster_search.py --on dask                              # a cluster of two workers, started here
    python examples/cluster_search.py --on dask --address tcp://10.0.0.1:8786
    python examples/cluster_search.py --on ray

Only the ``with`` line differs: joblib hands the tasks to whichever backend is set, and the estimators ask joblib. The
page "Beyond one machine" says what a real cluster needs.
"""

import argparse
import os
import time
from contextlib import contextmanager, nullcontext

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from sk_cifar_ovr import CNNClassifier, OneVsRestCNNClassifier, load_digit_images, ovr_report
from sk_cifar_ovr.model_selection import loss_grid, ovr_scorer, search_frame


@contextmanager
def workers(kind, address, data):
    """Within this context, whatever asks joblib for processes gets these workers."""
    if kind == "loky":
        with parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=1):
            yield
    elif kind == "dask":
        from distributed import Client, LocalCluster

        def local():
            return LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)

        # `scatter` sends arrays to every worker once, so that no task brings them along and no lost worker takes
        # the only copy with it.
        with (
            nullcontext(address) if address else local() as where,
            Client(where) as client,
            parallel_config(backend="dask", scatter=data),
        ):
            # Otherwise Dask removes all copies but one after two seconds in which no task needs them.
            client.amm.stop()
            yield
    else:
        import ray
        from ray.util.joblib import register_ray

        ray.init(address=address, num_cpus=None if address else 2, include_dashboard=False)
        register_ray()
        with parallel_config(backend="ray", n_jobs=-1):
            yield
        ray.shutdown()


def main(kind, address):
    digits = load_digit_images()
    X, X_test, y, y_test = train_test_split(
        digits.images, digits.target, test_size=0.3, stratify=digits.target, random_state=0
    )
    base = CNNClassifier(model__filters=(8, 16, 32), epochs=4, batch_size=32, random_state=0)
    folds = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))
    search = GridSearchCV(
        OneVsRestCNNClassifier(base),
        loss_grid([1.0, 2.0], prefix="estimator__"),
        scoring=ovr_scorer(),
        cv=folds,
    )
    with workers(kind, address, [X, y, *(rows for fold in folds for rows in fold)]):
        began = time.perf_counter()
        search.fit(X, y)
        print(f"search: {time.perf_counter() - began:.1f} s")
        print(search_frame(search)[["rank", "loss", "loss__gamma", "class_weight", "mean"]].round(3).to_string())

        # Ten networks, ten tasks: with the best settings found, each class separately.
        began = time.perf_counter()
        ovr = search.best_estimator_.set_params(strategy="independent").fit(X, y)
        print(f"ten separate networks: {time.perf_counter() - began:.1f} s")
    report = ovr_report(y_test, ovr.predict_ovr(X_test), classes=np.unique(y))
    print(f"mean F1 on {len(y_test)} test images: {report.mean()['class_f1']:.3f}")


# Worker processes import this file; without this line each would begin a search of its own.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", choices=["loky", "dask", "ray"], default="loky")
    parser.add_argument("--address", help="of a scheduler or a head node that runs already")
    arguments = parser.parse_args()
    main(arguments.on, arguments.address)
