"""`python -m minivq course`: run, start, build."""

from pathlib import Path

from minivq.course import build, run


def add_parser(subparsers):
    """Add `course` with run, start and build to the commands; each sets `run`: args -> exit code."""
    parser = subparsers.add_parser("course", help="run, copy or build the lessons")
    add_commands(parser)


def add_commands(parser):
    """Add run, start and build to a parser."""
    commands = parser.add_subparsers(required=True, metavar="run | start | build")

    one = commands.add_parser("run", help="execute the lessons in order; pictures and copies in runs/course")
    one.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons (default: all)")
    one.add_argument("--budget", choices=("fast", "full"), default="fast", help="default: fast")
    one.add_argument("--out", type=Path, default=run.OUT, help="folder of the results (default: runs/course)")
    one.add_argument("--timeout", type=int, default=1200, help="seconds that a cell may take (default: 1200)")
    one.set_defaults(run=lambda args: _guarded(run.run, args.lessons, args.budget, args.out, args.timeout))

    one = commands.add_parser("start", help="copy a lesson without outputs into work/, to learn with")
    one.add_argument("lesson", metavar="NN", help="number of the lesson")
    one.set_defaults(run=lambda args: _guarded(run.start, args.lesson))

    one = commands.add_parser("build", help="execute in the full budget, normalise, stamp, write back")
    one.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons (default: all)")
    one.add_argument("--check", action="store_true", help="only list lessons whose modules have changed")
    one.add_argument("--timeout", type=int, default=3600, help="seconds that a cell may take (default: 3600)")
    one.set_defaults(run=lambda args: _guarded(build.build, args.lessons, args.check, args.timeout))


def _guarded(command, *arguments):
    """Exit code 1 where lessons failed or are stale, 2 with one line for a wrong argument."""
    try:
        result = command(*arguments)
    except (ValueError, FileExistsError) as error:
        print(f"error: {error}")
        return 2
    return 1 if isinstance(result, int) and result else 0
