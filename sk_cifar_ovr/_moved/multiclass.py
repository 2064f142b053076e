"""Import path of earlier versions: the estimator lives in `sk_cifar_ovr.one_vs_rest`."""

from sk_cifar_ovr.one_vs_rest import OneVsRestCNNClassifier

__all__ = ["OneVsRestCNNClassifier"]
