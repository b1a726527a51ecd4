"""minivq: discrete image models, small enough to read. VQ-VAE first; each lesson in notebooks/ builds a part of it."""
try:
    from minivq.pretrained import load
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}: this is not the Python that `make env` sets up; wanted .venv/bin/python, for "
                              "instance by `source .venv/bin/activate`", name=error.name) from None

__all__ = ["load"]
__version__ = "0.1.0"
