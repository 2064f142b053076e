"""scikit-learn's and imbalanced-learn's own checks, all of them; images have theirs in test_images_common."""

import re

import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler, TomekLinks
from imblearn.utils.estimator_checks import parametrize_with_checks as parametrize_with_sampler_checks
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from small_networks import dense

from sk_cifar_ovr import CNNClassifier, CNNFeatures, ImageSampler, OneVsRestCNNClassifier, TSNETransformer


def classifier():
    """A tiny network on flat rows; float64 and one batch, as the checks compare weights at 1e-7."""
    return CNNClassifier(
        model=dense,
        loss="crossentropy",
        optimizer__learning_rate=0.05,
        epochs=30,
        batch_size=1000,
        precision="float64",
        random_state=0,
    )


ESTIMATORS = [
    classifier(),
    OneVsRestCNNClassifier(classifier(), strategy="joint"),
    OneVsRestCNNClassifier(classifier(), strategy="independent"),
]

SAMPLERS = [
    ImageSampler(sampler)
    for sampler in (
        RandomUnderSampler(random_state=0),
        RandomOverSampler(random_state=0),
        RandomOverSampler(shrinkage=1.0, random_state=0),
        TomekLinks(),
        SMOTE(random_state=0),
        ClusterCentroids(random_state=0),
    )
]

# The checks fit some ten rows, and each needs three times the perplexity.
TRANSFORMERS = [CNNFeatures(classifier()), TSNETransformer(perplexity=2, max_iter=50, random_state=0)]


def named_alike(mark):
    """The same parameters in a list, named without the addresses of functions, which differ between processes."""
    names = mark.kwargs["ids"]
    parameters, values = mark.args
    return pytest.mark.parametrize(
        parameters, list(values), ids=lambda value: re.sub(r" ?at ?0x[0-9a-f]+", "", str(names(value)))
    )


@named_alike(parametrize_with_checks([*ESTIMATORS, *TRANSFORMERS, *SAMPLERS]))
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@named_alike(parametrize_with_sampler_checks(SAMPLERS))
def test_imbalanced_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", SAMPLERS, ids=str)
def test_no_tag_silences_a_check_of_samplers(estimator):
    tags = get_tags(estimator)
    assert tags.estimator_type == "sampler"
    assert not any([tags.no_validation, tags.non_deterministic, tags._skip_test])
    assert tags.input_tags.two_d_array
    assert tags.input_tags.dataframe
    assert not tags.input_tags.sparse


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=["one", "joint", "independent"])
def test_no_tag_silences_a_check(estimator):
    tags = get_tags(estimator)
    assert tags.estimator_type == "classifier"
    silencing = [tags.no_validation, tags.non_deterministic, tags._skip_test, tags.classifier_tags.poor_score]
    assert not any(silencing)
    assert tags.classifier_tags.multi_class
    assert tags.classifier_tags.multi_label == isinstance(estimator, OneVsRestCNNClassifier)
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.sparse


@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=lambda estimator: type(estimator).__name__)
def test_no_tag_silences_a_check_of_a_transformer(estimator):
    tags = get_tags(estimator)
    assert not any([tags.no_validation, tags.non_deterministic, tags._skip_test])
    assert tags.transformer_tags.preserves_dtype
    assert tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
