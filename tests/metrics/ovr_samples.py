"""Predictions and reference results that several tests of tables share."""

import io

import numpy as np
import pandas as pd

# The reference report as printed: rounded percents, exact counts.
REPORTED = pd.read_csv(
    io.StringIO("""\
class,accuracy,class_precision,class_recall,class_f1,others_precision,others_recall,others_f1,\
macro_precision,macro_recall,macro_f1,tp,fn,fp,tn
0,95,78,73,76,97,98,97,88,86,87,733,267,201,8799
1,98,92,88,90,99,99,99,96,94,95,880,120,73,8927
2,94,71,59,65,96,97,96,83,78,81,593,407,239,8761
3,91,57,61,59,96,95,95,76,78,77,612,388,465,8535
4,95,79,68,73,97,98,97,88,83,85,682,318,184,8816
5,94,73,65,69,96,97,97,85,81,83,666,334,264,8736
6,96,84,76,80,97,98,98,91,87,89,768,232,135,8865
7,96,78,81,78,98,98,97,90,87,89,757,243,151,8849
8,97,87,82,85,99,98,98,96,87,92,815,185,88,8912
9,97,92,80,85,99,98,98,95,89,92,797,203,70,8930
""")
)
COLUMNS = REPORTED.columns.tolist()


def random_predictions():
    """Labels of 300 samples of four unequal classes, yes/no predictions and probabilities."""
    rng = np.random.default_rng(0)
    y = rng.choice(["ant", "bee", "cow", "dog"], size=300, p=[0.5, 0.3, 0.15, 0.05])
    classes = np.unique(y)
    probabilities = np.clip(rng.beta(1, 3, (300, 4)) + 0.4 * (y[:, None] == classes), 0, 1)
    return y, probabilities >= 0.5, probabilities
