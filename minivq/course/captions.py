"""The line under a figure."""

from minivq.course.budgets import budget_name


def caption(text, seed=None, native=None, shown=None, device="cpu"):
    """-> "text (device, seed, budget, native and shown size)"; sizes in px: a side or (width, height).

        show(picture, "Drawn again", caption("Face, code map, reconstruction", seed=0, native=64, shown=128))
    """
    facts = [str(device)]
    facts += [] if seed is None else [f"seed {seed}"]
    facts += [f"{budget_name()} budget"]
    facts += [] if native is None else [f"native {_size(native)}"]
    facts += [] if shown is None else [f"shown at {_size(shown)}"]
    return f"{text.rstrip('.')} ({', '.join(facts)})"


def _size(size):
    return f"{size[0]} x {size[1]} px" if isinstance(size, (tuple, list)) else f"{size} px"
