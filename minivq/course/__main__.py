"""`python -m minivq.course`: the same as `python -m minivq course`."""

import argparse
import sys

from minivq.course.commands import add_commands


def main():
    """Run the command line -> exit code."""
    parser = argparse.ArgumentParser(prog="python -m minivq.course", description=__doc__)
    add_commands(parser)
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
