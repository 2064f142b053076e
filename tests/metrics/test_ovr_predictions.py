import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr.metrics import final_step, ovr_answers, ovr_report, positive_probabilities


class OvR(OneVsRestClassifier):
    """scikit-learn's one-vs-rest with this package's `predict_ovr` and `thresholds_`."""

    thresholds_ = 0.3

    def predict_ovr(self, X):
        scores = self.decision_function(X)
        return scores >= np.log(self.thresholds_ / (1 - self.thresholds_))


def fitted(y=None, **options):
    X, target = load_iris(return_X_y=True)
    y = target if y is None else y
    return OvR(LogisticRegression(**options)).fit(X, y), X, y


def test_answers_come_from_predict_ovr_through_pipelines_and_searches():
    X, y = load_iris(return_X_y=True)
    pipelines = [
        make_pipeline(StandardScaler(), OvR(LogisticRegression())),
        make_imblearn_pipeline(StandardScaler(), RandomOverSampler(random_state=0), OvR(LogisticRegression())),
    ]
    for pipeline in pipelines:
        pipeline.fit(X, y)
        expected = pipeline[-1].predict_ovr(pipeline[0].transform(X))
        np.testing.assert_array_equal(ovr_answers(pipeline, X), expected)
        assert expected.sum() != len(X)
    search = GridSearchCV(pipelines[0], {"ovr__estimator__C": [1.0, 2.0]}, cv=2).fit(X, y)
    scaled = search.best_estimator_[0].transform(X)
    np.testing.assert_array_equal(ovr_answers(search, X), search.best_estimator_[-1].predict_ovr(scaled))


def test_answers_of_other_classifiers_are_labels():
    X, y = load_iris(return_X_y=True)
    classifier = LogisticRegression(max_iter=500).fit(X, y)
    np.testing.assert_array_equal(ovr_answers(classifier, X), classifier.predict(X))
    np.testing.assert_array_equal(positive_probabilities(classifier, X), classifier.predict_proba(X))


def test_positive_probabilities_are_the_k_problems_own():
    estimator, X, _ = fitted()
    own = np.column_stack([binary.predict_proba(X)[:, 1] for binary in estimator.estimators_])
    np.testing.assert_allclose(positive_probabilities(estimator, X), own)
    np.testing.assert_array_equal(positive_probabilities(estimator, X) >= 0.3, estimator.predict_ovr(X))
    y = load_iris().target == 2
    estimator, X, y = fitted(y)
    np.testing.assert_allclose(positive_probabilities(estimator, X), estimator.predict_proba(X))
    report = ovr_report(y, ovr_answers(estimator, X), probabilities=positive_probabilities(estimator, X))
    assert report.frame()["class"].tolist() == [False, True]


def test_without_samples_the_steps_before_the_classifier_are_skipped():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert final_step(pipeline, None) == (pipeline[-1], None)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_of_several_labels_are_the_tasks_own(n_classes):
    """Also of two columns, which are no binary task."""
    X, y = load_iris(return_X_y=True)
    matrix = np.column_stack([y == 0, X[:, 0] > 6, y == 2])[:, :n_classes]
    for kind in (OvR, OneVsRestClassifier):
        estimator = kind(LogisticRegression()).fit(X, matrix)
        own = np.column_stack([binary.predict_proba(X)[:, 1] for binary in estimator.estimators_])
        np.testing.assert_array_equal(positive_probabilities(estimator, X), own)
        assert not np.allclose(own.sum(axis=1), 1)
        report = ovr_report(matrix, ovr_answers(estimator, X), probabilities=own)
        assert report.confusion.sum(axis=(1, 2)).tolist() == [150] * n_classes
    sparse_answers = ovr_answers(OneVsRestClassifier(LogisticRegression()).fit(X, csr_matrix(matrix)), X)
    np.testing.assert_array_equal(ovr_report(matrix, sparse_answers).confusion, report.confusion)
