"""Owns the entry point: the fast answers, and the one place that turns an error into words and an exit code."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # click costs more than the fast answers
    import click

    from pivot_core.port import Problem

_EXIT_OUTPUT = 4
_EXIT_BROKEN_PIPE = 141  # as a process that SIGPIPE ends


def main() -> int:
    """Runs ``pivot`` with the process's arguments and returns its exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from pivot_core import __version__

        print(f"pivot {__version__}")
        return 0
    # What cannot be shown in the terminal's encoding is shown as an escape; it must not end the command.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue] TextIOWrapper
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _EXIT_BROKEN_PIPE
    except OSError as error:  # only the flush: everything else is answered in `_run`
        print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
        code = _EXIT_OUTPUT
    _let_go_of_output()
    return code


def _run(arguments: list[str]) -> int:
    import click

    from pivot_core.cli import commands, paper, problem
    from pivot_core.cli.session import Session
    from pivot_core.port import Bug, PivotError, Problem

    try:
        code = commands.build().main(
            arguments or ["--help"], prog_name="pivot", standalone_mode=False, obj=Session()
        )
    except PivotError as error:
        problem.show(paper.standard_error(), problem.problems(error))
        _debug()
        return error.exit_code
    except click.ClickException as error:
        problem.show(paper.standard_error(), (_misuse(error),))
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 the user sees it next, as a bug of ours without our traceback
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "this is a bug of Pivot; `PIVOT_DEBUG=1` shows where it happened"
        problem.show(paper.standard_error(), (Problem(what, "", hint),))
        _debug()
        return Bug.exit_code
    return code if isinstance(code, int) else 0


def _misuse(error: "click.ClickException") -> "Problem":
    """Puts click's sentence into our form."""
    import click

    from pivot_core.port import Problem

    suggests = isinstance(error, click.NoSuchOption)  # its sentence would repeat the hint
    message = (error.message if suggests else error.format_message()).rstrip(".")
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"`{error.ctx.command_path} --help` shows how it is used"
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        hint = f"did you mean {' or '.join(sorted(error.possibilities))}?"
    return Problem(message[:1].lower() + message[1:], "", hint)


def _debug() -> None:
    if os.environ.get("PIVOT_DEBUG"):
        import traceback

        traceback.print_exc()


def _let_go_of_output() -> None:
    """Keeps the interpreter's last flush from complaining about a reader that went away."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
