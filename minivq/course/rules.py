"""What every lesson keeps to: the test of all lessons, and what `course build` says behind a build."""

from minivq.course.lesson_file import Lesson
from minivq.course.lessons import lesson_exercises
from minivq.course.rules_cells import CELLS
from minivq.course.rules_outline import OUTLINE


def problems(notebook, name, size, exercises=None):
    """notebook, "03_vqvae.ipynb", bytes of the file -> [sentence]: every rule that it breaks."""
    if exercises is None:
        try:
            exercises = lesson_exercises(name[:2])
        except ValueError as error:
            return [str(error)]
    lesson = Lesson(notebook, name, size, tuple(exercises))
    return [f"{rule.__name__}: {text}" for rule in (*OUTLINE, *CELLS) for text in rule(lesson)]
