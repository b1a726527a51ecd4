"""The command line: `python -m minivq --help` lists its commands. Floor 5."""
import argparse
import contextlib
import sys
import warnings

from minivq import ablation, bench, commands_sample, commands_train, commands_use, distributed, runs, studies
from minivq.course.commands import add_parser as add_course


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 2 for input that cannot be used (one line says why), 130 interrupted."""
    args = parser().parse_args(arguments)
    try:
        with distributed.session(), plain_warnings(), runs.stoppable():
            return args.run(args) or 0
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"minivq: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nminivq: interrupted; the same command goes on from the last save", file=sys.stderr)
        return 130


@contextlib.contextmanager
def plain_warnings():
    """Warnings as errors are said, without the place in the program."""
    before, warnings.formatwarning = warnings.formatwarning, lambda message, *_, **__: f"minivq: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(prog="python -m minivq", description="Discrete image models, from scratch.")
    commands = top.add_subparsers(required=True, metavar="train | reconstruct | sample | evaluate | import | publish | "
                                                         "ablation | study | bench | course")
    for add in (commands_train.add_parser, commands_use.add_parsers, commands_sample.add_parser, ablation.add_parser,
                studies.add_parser, bench.add_parser, add_course):
        add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
