"""Predict before the result is shown, compare behind it.

    predict("3.1", None)                        # the learner writes a letter for None
    compare("3.1", gradient.norm().item())      # predicted against measured, with the reply to a wrong option
"""

import math

import torch

from minivq.course.exercises import exercise, strict
from minivq.course.log import write

# What this kernel has predicted: `compare` stands cells below `predict`, in the same learner's sitting.
_predicted = {}


def predict(id, answer):
    """Show the options of a prediction and keep the learner's letter; `compare` comes back to it.

    `answer` is None as long as nothing was chosen. Never raises for an answer (a letter that is not on
    offer is said); under MINIVQ_STRICT=1 a missing one is an AssertionError.
    """
    entry = exercise(id)
    if entry.kind != "predict":
        raise ValueError(f"exercise {id} is of kind {entry.kind}, wanted predict")
    key = answer.strip().lower().strip("().") if isinstance(answer, str) else answer
    for letter, option in entry.options.items():
        print(f"  {letter}  {option.text}")
    known = isinstance(key, str) and key in entry.options
    if known:
        _predicted[id] = key
        text = f"{id} kept: {key}. The measurement follows."
    elif answer is None:
        _predicted.pop(id, None)
        text = f'{id} not attempted: write one of {_letters(entry)} for None'
    else:
        text = f"{id} not kept: {answer!r} is not on offer, wanted one of {_letters(entry)}"
    print(text)
    write({"event": "predict", "exercise": id, "answer": key if known else None})
    if strict() and not known:
        raise AssertionError(text)


def compare(id, measured):
    """Set the prediction beside what was measured, with the reply to a wrong option.

    `measured` is the value (number, shape, text) or the key of the option that came out. Under
    MINIVQ_STRICT=1 a missing or wrong prediction is an AssertionError, and so is a measurement that is not
    the registered right option's: then the lesson itself is wrong.
    """
    entry = exercise(id)
    came = _option_of(entry, measured)
    chosen = _predicted.get(id)
    shown = f"{measured:.4g}" if isinstance(measured, float) else str(measured)
    print(f"{id} measured: {shown}" + (f"   ({came}  {entry.options[came].text})" if came else ""))
    if chosen is None:
        text = f"{id} no prediction was made"
    elif chosen == came:
        text = f"{id} right: you predicted {chosen}"
        text += f". {entry.options[chosen].reply}" if entry.options[chosen].reply else ""
    else:
        text = f"{id} you predicted {chosen}  {entry.options[chosen].text}\n    {entry.options[chosen].reply}"
    print(text)
    right = chosen is not None and chosen == came
    write({"event": "compare", "exercise": id, "answer": chosen, "right": right})
    if strict() and came != entry.right:
        raise AssertionError(f"{id}: measured {measured!r}, but the registered option is {entry.right!r}")
    if strict() and not right:
        raise AssertionError(text)


def _letters(entry):
    return ", ".join(f'"{key}"' for key in entry.options)


def _option_of(entry, measured):
    """The key of the option that the measurement stands for, or None."""
    if isinstance(measured, str) and measured in entry.options:
        return measured
    for key, option in entry.options.items():
        if _same(measured, option.value):
            return key
    return None


def _same(measured, value):
    if value is None:
        return False
    if isinstance(measured, torch.Tensor) and measured.numel() == 1:
        measured = measured.item()
    if isinstance(measured, (int, float)) and isinstance(value, (int, float)):
        return math.isclose(measured, value, rel_tol=1e-3, abs_tol=1e-9)
    if isinstance(measured, (tuple, list)) and isinstance(value, (tuple, list)):  # torch.Size is a tuple
        return tuple(measured) == tuple(value)
    return type(measured) is type(value) and measured == value
