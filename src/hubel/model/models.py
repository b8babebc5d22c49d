"""What Keras keeps in `keras.models`."""

from __future__ import annotations

import json
from typing import Any

from hubel.model.networks.model import Model
from hubel.model.networks.sequential import Sequential, load_model

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

Functional = Model


def save_model(model: Model, filepath: Any, **settings: Any) -> Any:
    """Write a model: `model.save(filepath)`."""
    return model.save(filepath, **settings)


def clone_model(model: Model) -> Any:
    """Make the same model with weights of its own, started anew."""
    return type(model).from_config(model.get_config())


def model_from_json(text: str, custom_objects: Any = None) -> Any:
    """Make the model that `to_json` described."""
    said = json.loads(text)
    from hubel.model.saving.configs import described

    return described(said["class_name"], said["config"], custom_objects)
