"""The exercises, one module per lesson: `lesson_03.EXERCISES` is a tuple of `Exercise`.

Here stand cards, checks, hints and replies; the solutions stand in `minivq/course/solutions/` alone,
which a teacher may take out. A check sees the learner's answer and says None (right) or a sentence about
what it does:

    def check_straight_through(straight_through):
        z_e = torch.randn(2, 3, 4, 4, requires_grad=True)
        z_q = torch.randn(2, 3, 4, 4)
        out = straight_through(z_e, z_q)
        form = wrong_form(out, z_q)                        # no tensor, another shape, another dtype, nan
        if form:
            return form
        if not torch.equal(out, z_q):
            return "the values are not those of z_q: look at what remains when the gradient is left out"
        ...
        return None
"""

import importlib
import pkgutil


def lesson_modules():
    """-> {"03": module}: every lesson that has exercises, in order."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name.startswith("lesson_"))
    return {name.removeprefix("lesson_"): importlib.import_module(f"{__name__}.{name}") for name in names}


def lesson_exercises(lesson):
    """"03" -> the tuple of that lesson's exercises. Raises ValueError where the lesson has none."""
    try:
        module = importlib.import_module(f"{__name__}.lesson_{lesson}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.lesson_{lesson}":
            raise
        raise ValueError(f"lesson {lesson!r} has no exercises") from None
    return module.EXERCISES
