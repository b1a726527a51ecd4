"""`python -m minivq course`: run, start, build, release. What needs a kernel is imported when it is asked for."""

from pathlib import Path


def add_parser(subparsers):
    """Add `course` with run, start, build and release to the commands; each sets `run`: args -> exit code."""
    add_commands(subparsers.add_parser("course", help="run, copy, build or release the lessons"))


def add_commands(parser):
    """Add run, start, build and release to a parser."""
    commands = parser.add_subparsers(required=True, metavar="run | start | build | release")

    one = commands.add_parser("run", help="execute the lessons in order; pictures and copies in runs/course")
    one.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons (default: all)")
    one.add_argument("--budget", choices=("fast", "full"), default="fast", help="default: fast")
    one.add_argument("--out", type=Path, help="folder of the results (default: runs/course)")
    one.add_argument("--timeout", type=int, default=1200, help="seconds that a cell may take (default: 1200)")
    one.set_defaults(run=_run)

    one = commands.add_parser("start", help="copy a lesson without outputs into work/, to learn with")
    one.add_argument("lesson", metavar="NN", help="number of the lesson")
    one.set_defaults(run=_start)

    one = commands.add_parser("build", help="execute in the full budget, normalise, stamp, write back")
    one.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons (default: all)")
    one.add_argument("--check", action="store_true", help="only list lessons whose modules have changed")
    one.add_argument("--timeout", type=int, default=3600, help="seconds that a cell may take (default: 3600)")
    one.set_defaults(run=_build)

    one = commands.add_parser("release", help="write the students' version: no solutions, no outputs")
    one.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    one.set_defaults(run=_release)


def _run(args):
    from minivq.course.run import OUT, run

    return _exit_code(run, args.lessons, args.budget, args.out or OUT, args.timeout)


def _start(args):
    from minivq.course.run import start

    return _exit_code(start, args.lesson)


def _build(args):
    from minivq.course.build import build

    return _exit_code(build, args.lessons, args.check, args.timeout)


def _release(args):
    from minivq.course.release import release

    return _exit_code(release, args.folder)


def _exit_code(command, *arguments):
    """1 where lessons failed or are stale, 2 with one line for a wrong argument."""
    try:
        result = command(*arguments)
    except (ValueError, FileExistsError) as error:
        print(f"error: {error}")
        return 2
    return 1 if isinstance(result, int) and result else 0
