"""Owns the entry point: tier 0 first, then the one place that turns an error into words and an exit code."""

import io
import os
import sys

from pivot_core import __version__, quick

TYPE_CHECKING = False  # `typing` costs more than `pivot --version` may; checkers know the name
if TYPE_CHECKING:
    import click

    from pivot_core.cli.session import Session
    from pivot_core.errors import PivotError, UsageError

_COMPLETE = "_PIVOT_COMPLETE"
_EXIT_BROKEN_PIPE = 141  # as a process that SIGPIPE ends


def main() -> int:
    """Runs ``pivot`` with the process's arguments and returns its exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        print(f"pivot {__version__}")
        return 0
    # A closed descriptor is no stream at all, and nobody to tell.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 open to the end
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    # What cannot be shown in the terminal's encoding is shown as an escape; it must not end the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        said = _quickly(arguments)
        code = _run(arguments) if said is None else _write(said)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _EXIT_BROKEN_PIPE
    except KeyboardInterrupt:  # before `_run` could answer it
        from pivot_core.errors import EXIT_INTERRUPTED

        code = EXIT_INTERRUPTED
    except OSError as error:  # of the output: everything else is answered in `_run`
        from pivot_core.errors import StoreError

        found = StoreError("cannot write the output", hint=(error.strerror or str(error)).lower())
        _report(found)
        code = found.exit_code
    _let_go_of_output()
    return code


def _quickly(arguments: list[str]) -> str | None:
    """Returns the output where nothing changed, and so nothing needs to be imported to tell."""
    if _COMPLETE in os.environ:
        return quick.complete(os.environ, _last_known)
    return quick.answer(arguments, os.environ, is_terminal=sys.stdout.isatty())


def _last_known(root: str) -> list[str]:
    from pivot_core.cli import project  # where the proof tells, nothing is imported

    return project.last_known(root)


def _write(said: str) -> int:
    sys.stdout.write(said)
    return 0


def _run(arguments: list[str]) -> int:
    import click

    from pivot_core.cli import commands
    from pivot_core.cli.session import Session
    from pivot_core.errors import EXIT_INTERRUPTED, Bug, PivotError, UsageError

    session = Session()
    try:
        group = commands.build()
        if _COMPLETE in os.environ:
            return _complete(group)
        # Not `group.main()`: it answers a closed pipe by itself.
        with group.make_context("pivot", arguments or ["--help"], obj=session) as context:
            code: object = group.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except PivotError as error:
        _report(error, session)
        return error.exit_code
    except click.ClickException as error:
        _report(_misuse(error), session)
        return UsageError.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except SystemExit as end:  # a signal while a request waited
        return end.code if isinstance(end.code, int) else 1
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 the user sees it next, as a bug of ours without our traceback
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "this is a bug of Pivot; `PIVOT_DEBUG=1` shows where it happened"
        _report(Bug(what, "", hint), session)
        return Bug.exit_code
    return code if isinstance(code, int) else 0


def _report(error: "PivotError", session: "Session | None" = None) -> None:
    """Shows an error; called where it is caught."""
    from pivot_core.cli import paper, problem

    found = problem.problems(error)
    problem.show(paper.standard_error(), found)
    if session is not None and session.is_workflow:
        from pivot_core.cli import ci, github

        place = ci.places()
        sys.stdout.write("".join(github.annotation(each, place) for each in found))
    if os.environ.get("PIVOT_DEBUG"):
        import traceback

        traceback.print_exc()


def _complete(group: "click.Group") -> int:
    """Answers a shell that asks how the command line may go on."""
    from click.shell_completion import shell_complete

    return shell_complete(group, {}, "pivot", _COMPLETE, os.environ[_COMPLETE])


def _misuse(error: "click.ClickException") -> "UsageError":
    """Puts click's sentence into our form."""
    import click

    from pivot_core.errors import UsageError

    suggests = isinstance(
        error, click.NoSuchOption | click.NoSuchCommand
    )  # its sentence would repeat the hint
    message = (error.message if suggests else error.format_message()).rstrip(".")
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"`{error.ctx.command_path} --help` shows how it is used"
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        from difflib import get_close_matches  # only for an error

        near = get_close_matches(error.option_name, error.possibilities, 1, 0.0)
        hint = f"did you mean {near[0]}?"
    if isinstance(error, click.NoSuchCommand) and error.possibilities and error.ctx is not None:
        hint = f"did you mean `{error.ctx.command_path} {error.possibilities[0]}`?"
    return UsageError(message[:1].lower() + message[1:], "", hint)


def _let_go_of_output() -> None:
    """Keeps the interpreter's last flush from complaining about a reader that went away."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
