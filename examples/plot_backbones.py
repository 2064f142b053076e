"""
===============================
A trained network as a backbone
===============================

A network that has learnt to tell many kinds of images apart has layers that are of use elsewhere, too. So instead of
training one from nothing, one can take such a *backbone* as it is and train a new last layer on what it says of each
image. That needs few images and little time.

Backbones usually come with weights learnt on ImageNet, a million photographs. To need no download, this example begins
with random weights and trains a small one itself, on half of the digits. Its second part then pretends to have ten
images of each digit and that backbone. This is the most favourable case, as the backbone has seen the same ten digits,
and on these simple images a small network learns about as much from the few alone: read it for how it is written. What
changes with ImageNet weights is at the end.
"""

# %%
# A backbone from random weights
# ------------------------------
#
# Networks of ``keras.applications`` take images of 32 pixels or more in red, green and blue. Enlarging the 8x8
# digits, repeating their one channel (a warning says so) and scaling pixels as the network expects them all happen
# inside the network. This is the smallest MobileNet, a quarter as wide as usual. ``model__weights=None``, the default,
# draws its weights at random, and ``model__trainable=True`` trains all of them.

import tempfile
import time
import warnings
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cifar_ovr import CNNClassifier, CNNFeatures, OneVsRestCNNClassifier, load_digit_images, ovr_report
from sk_cifar_ovr.exceptions import ColorWarning

warnings.simplefilter("ignore", ColorWarning)
digits = load_digit_images()
X_first, X, y_first, y = train_test_split(
    digits.images, digits.target, train_size=0.5, stratify=digits.target, random_state=0
)
network = {"model": "mobilenet", "model__options": {"alpha": 0.25}, "random_state": 0}
source = CNNClassifier(
    **network,
    model__trainable=True,
    epochs=12,
    batch_size=16,
    schedule="one_cycle",
    optimizer__learning_rate=1e-2,
)
source.fit(X_first, y_first)

folder = tempfile.TemporaryDirectory()
weights = Path(folder.name) / "digits.weights.h5"
source.model_.get_layer("backbone").network.save_weights(weights)

# %%
# Ten images of each digit
# ------------------------
#
# ``model__weights`` names the file. ``model__trainable`` is False unless you say otherwise: the backbone's weights, and
# the statistics of its batch normalisation, stay as they are. The images then need to go through it only once, and the
# ten last layers, one a question ("is it a 7 or not?"), are trained on the features that come out. Beside it, for
# comparison, the small network of this package learns from the same hundred images and nothing else.

X_few, X_test, y_few, y_test = train_test_split(X, y, train_size=100, stratify=y, random_state=0)


def mean_f1(name, classifier):
    """Fit one-vs-rest on the few images and score it on all others."""
    began = time.perf_counter()
    ovr = OneVsRestCNNClassifier(classifier).fit(X_few, y_few)
    seconds = time.perf_counter() - began
    report = ovr_report(y_test, ovr.predict_ovr(X_test), classes=ovr.classes_)
    print(f"{name}: mean F1 {report.mean()['class_f1']:.3f}, fitted in {seconds:.1f} s")


pretrained = {**network, "model__weights": weights, "batch_size": 20, "optimizer__learning_rate": 3e-3}
mean_f1("small network, from nothing", CNNClassifier(epochs=60, batch_size=20, random_state=0))
mean_f1("frozen backbone", CNNClassifier(**pretrained, epochs=60))

# %%
# In two phases
# -------------
#
# A new last layer begins with random weights, and its first errors would spoil a trained backbone. So ``head_epochs``
# train it alone, on stored features, before ``epochs`` train all that ``model__trainable`` sets free, at a tenth of the
# learning rate (``fine_tune_rate``). ``"last_6"`` sets the last six layers free that have weights. On so few images
# this need not be better than the frozen backbone.

mean_f1(
    "head, then the last 6 layers", CNNClassifier(**pretrained, model__trainable="last_6", head_epochs=60, epochs=20)
)

# %%
# Features for any classifier
# ---------------------------
#
# :class:`~sk_cifar_ovr.CNNFeatures` hands the features on, here to a logistic regression.

extractor = CNNFeatures(CNNClassifier(**pretrained, epochs=1))
pipe = make_pipeline(extractor, StandardScaler(), LogisticRegression(max_iter=1000)).fit(X_few, y_few)
print(f"logistic regression on its features: accuracy {pipe.score(X_test, y_test):.3f}")

# %%
# With weights learnt on ImageNet
# -------------------------------
#
# .. code-block:: python
#
#    CNNClassifier("densenet121", model__weights="imagenet", model__image_size=96)
#
# Keras downloads the weights once. Where there is no internet, name a file of them instead:
#
# .. code-block:: python
#
#    CNNClassifier("densenet121", model__weights="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5")
#
# Such a backbone has learnt on photographs of a thousand kinds of things, so it is photographs that it may serve; on
# digits expect nothing of it. Enlarge images towards the 224 pixels that most were trained on. A backbone is also many
# times slower than the small network of this package, in training and at each prediction: ``benchmarks/backbones.py``
# measures what it costs.
