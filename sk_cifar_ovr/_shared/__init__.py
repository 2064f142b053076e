"""What several rooms share; it knows none of them.

`files` writes files whole and knows Keras' folder, `progress` shows one line for a long job, `variables` reads and
writes the values of Keras variables, `text` finds the most similar name, and `sklearn_internals` is the one place that
imports private names of scikit-learn. Nothing is imported here, so that a room gets only what it asks for.
"""
