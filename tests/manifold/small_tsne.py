"""Settings of a quick `TSNETransformer`."""

SMALL = {"perplexity": 10, "max_iter": 200, "random_state": 0}
