"""Configuration of a model without what differs from one building of it to the next."""

import re
from collections.abc import Iterator
from typing import Any

import keras
from keras.src.utils.naming import to_snake_case


def graph_config(model: keras.Model) -> dict[str, Any]:
    """Configuration of a model without what differs from one building to the next.

    Layers are named by their place in the model. Seeds of Keras' layers are left out: they are first values of
    variables, and no part of the graph.
    """
    return {"class_name": type(model).__name__, **_model_config(model.get_config())}


def _model_config(config: dict[str, Any]) -> dict[str, Any]:
    names = {_name(layer): f"#{place}" for place, layer in enumerate(config["layers"])}

    def referred(value):
        """Names in connections between layers: ``[name, node, tensor]``, or lists of them."""
        if isinstance(value, dict):
            history = value.get("keras_history")
            found = {key: referred(inner) for key, inner in value.items() if key != "keras_history"}
            return found if history is None else {**found, "keras_history": [names.get(history[0]), *history[1:]]}
        if isinstance(value, (list, tuple)):
            if len(value) == 3 and isinstance(value[0], str) and value[0] in names:
                return [names[value[0]], *value[1:]]
            return [referred(inner) for inner in value]
        return value

    layers = []
    for layer in config["layers"]:
        inner = layer["config"]
        cleaned = _model_config(inner) if "layers" in inner else {**_cleaned(layer)["config"], "name": None}
        nodes = referred(layer.get("inbound_nodes"))
        layers.append({**layer, "config": cleaned, "name": names[_name(layer)], "inbound_nodes": nodes})
    found = {key: value for key, value in config.items() if key != "name"}
    found |= {key: referred(config[key]) for key in ("input_layers", "output_layers") if key in config}
    return {**found, "layers": layers}


def _cleaned(value):
    """A serialised object without the name of a layer and, if it is Keras' own, its seed; objects inside it too."""
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: _cleaned(inner) for key, inner in value.items()}
    config = found.get("config")
    if isinstance(config, dict) and "class_name" in found:
        dropped = {"seed"} if str(found.get("module")).startswith("keras") else set()
        dropped |= {"name"} if "trainable" in config else set()
        found["config"] = {key: inner for key, inner in config.items() if key not in dropped}
    return found


def _name(layer: dict[str, Any]) -> str:
    return layer.get("name") or layer["config"].get("name")


def given_names(model: keras.Model) -> list[tuple[int, str]]:
    """Names of layers that Keras did not make of their class and a number, with their places."""
    return [*_given_names(model.get_config())]


def _given_names(config: dict[str, Any]) -> Iterator[tuple[int, str]]:
    for place, layer in enumerate(config["layers"]):
        stem = to_snake_case(str(layer.get("class_name")))
        if not re.fullmatch(rf"{re.escape(stem)}(_\d+)?", _name(layer)):
            yield place, _name(layer)
        if "layers" in layer["config"]:
            yield from _given_names(layer["config"])
