"""Owns what keys ask of the engine: runs and cancels, each confirmed where something would be lost."""

import uuid
from collections.abc import Callable
from dataclasses import replace

from textual.screen import Screen

from pivot_core.port import (
    Accepted,
    CancelRun,
    CancelStage,
    Command,
    Explanations,
    PivotError,
    Refresh,
    Refused,
    Reply,
    RequestId,
    RunId,
    StageName,
    Status,
    Unwatch,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import refusals, requests
from pivot_tui.board import Board, Link
from pivot_tui.diary import Diary
from pivot_tui.feed import Feed
from pivot_tui.requests import Asked, Choice
from pivot_tui.screens.dialog import Dialog
from pivot_tui.screens.run_menu import RunMenu
from pivot_tui.widgets.painting import application

_NAMED = 3
"""Stages of which a question says how long they have run."""


class Commands:
    """Asks, sends, and says what was refused."""

    def __init__(
        self, screen: Screen[None], board: Board, feed: Feed, clock: Callable[[], float]
    ) -> None:
        self._screen: Screen[None] = screen
        self._board: Board = board
        self._feed: Feed = feed
        self._clock: Callable[[], float] = clock
        self.diary: Diary = Diary()
        self._asked: Asked = Asked(Choice.UPSTREAM)

    def refused(self, action: str, stage: StageName | None) -> bool:
        """Says why not, where the action makes no sense now."""
        why = refusals.refusal(action, self._board, stage)
        if why:
            self._screen.notify(why, markup=False)
        return bool(why)

    def run_menu(self, stages: tuple[StageName, ...], switch: str = "") -> None:
        """Opens the run menu for some stages; with a switch as if its key had been pressed in it."""
        if self.refused("run_menu", stages[0] if stages else None):
            return
        first = replace(self._asked, choice=Choice.UPSTREAM, force=switch == "f")
        first = replace(first, keep_going=first.keep_going or switch == "k")
        menu = RunMenu(self._board, stages, first, self._feed.explain, listed=switch == "enter")

        def take(asked: Asked | None) -> None:
            if asked is not None:
                plan = menu.plans.get(asked.choice, ())
                self._screen.run_worker(self._run(stages, asked, plan, menu.jobs))

        application(self._screen).push_screen(menu, take)

    def run_now(self, stages: tuple[StageName, ...], choice: Choice) -> None:
        """Asks for a run without the menu."""
        if not self.refused("run_menu", stages[0] if stages else None):
            asked = replace(self._asked, choice=choice, force=False)
            self._screen.run_worker(self._run(stages, asked, (), 1))

    def again(self, stages: tuple[StageName, ...]) -> None:
        """Repeats the last choice of the run menu; connects again when the engine is lost."""
        if self._board.link is Link.LOST:
            self._feed.reconnect()
        elif not self.refused("again", stages[0] if stages else None) and stages:
            self._screen.run_worker(self._run(stages, self._asked, (), 1))

    def command_line(self, stages: tuple[StageName, ...]) -> str:
        """Returns what one would type for the last choice."""
        return requests.command_line(self._asked, stages, self._board)

    def cancel_stages(self, stages: tuple[StageName, ...]) -> None:
        """Cancels those of some stages that run, once confirmed."""
        run = self._board.active
        running = [name for name in stages if self._board.state(name).status is Status.RUNNING]
        first = running[0] if running else stages[0] if stages else None
        if self.refused("cancel_stage", first) or run is None:
            return
        name = one_line(running[0]) if len(running) == 1 else f"{len(running)} stages"
        lost = list[str]()
        for stage in running[:_NAMED]:
            started = self._board.state(stage).started_at
            took = f" has run {fmt.running(self._clock() - started)}" if started else " runs"
            lost.append(f"{one_line(stage)}{took}; its partial outputs are discarded.")
        if len(running) > _NAMED:
            lost.append(f"And {len(running) - _NAMED} more.")
        lost.append("Stages that need it are blocked.")
        commands = [CancelStage(run.run_id, stage) for stage in running]
        self._screen.run_worker(
            self._cancel(f"Cancel {name}?", " ".join(lost), "Cancel", *commands)
        )

    def cancel_run(self) -> None:
        """Cancels the active run, else the last one queued, once confirmed."""
        if self.refused("cancel_run", None):
            return
        run = self._board.going or self._board.queue[-1]
        running = self._board.with_status(Status.RUNNING)
        lost = "Nothing new starts; what has ended stays."
        if running:
            lost += f" What {one_line(', '.join(running))} wrote so far is discarded."
        title = f"Cancel run {fmt.short_run(run.run_id)}?"
        self._screen.run_worker(self._cancel(title, lost, "Cancel run", CancelRun(run.run_id)))

    def watch(self) -> None:
        """Watches the whole pipeline; where something is watched, no longer."""
        if not self.refused("watch", None):
            is_on = self._board.watch is not None
            self._screen.run_worker(self._unwatch() if is_on else self._watch(()))

    def watch_these(self, stages: tuple[StageName, ...]) -> None:
        """Watches for some stages."""
        if not self.refused("watch_these", stages[0] if stages else None):
            self._screen.run_worker(self._watch(stages))

    def look_at_edit(self) -> None:
        """Lets the engine take up an edit; while it watches it does so by itself."""
        if self._board.watch is None:
            self.look_again()

    def look_again(self) -> None:
        """Lets the engine load the definition and look at every file again."""
        if self._board.link is Link.ATTACHED and not self._board.is_read_only:
            self._screen.run_worker(self.send(Refresh()))

    def quit(self) -> None:
        """Leaves; asks first while a run is active."""
        run = self._board.active
        if run is None or self._board.link is not Link.ATTACHED or self._board.is_read_only:
            application(self._screen).exit()
            return
        self._screen.run_worker(self._quit(run.run_id))

    async def _run(
        self, stages: tuple[StageName, ...], asked: Asked, plan: Explanations, jobs: int
    ) -> None:
        if asked.choice is Choice.FAILURES and Choice.FAILURES not in requests.offered(self._board):
            self._screen.notify("no stage failed or is blocked", markup=False)
            return
        why = requests.warning(asked, stages, plan, self._board, jobs)
        if why and await self.answer("Force?", why, ("Leave it", "Force")) != 1:
            return
        self._asked = asked
        active = self._board.going
        request_id = RequestId(uuid.uuid4().hex)
        reply = await self.send(requests.command(asked, stages, self._board, request_id))
        if isinstance(reply, Accepted) and active is not None:
            said = f"queued behind run {fmt.short_run(active.run_id)}"
            self._screen.notify(said, markup=False)

    async def _watch(self, stages: tuple[StageName, ...]) -> None:
        request_id = RequestId(uuid.uuid4().hex)
        reply = await self.send(requests.watching(self._asked, stages, request_id))
        if isinstance(reply, Accepted):
            said = "watching: what is not up to date runs, now and after each change"
            self._screen.notify(said, markup=False)

    async def _unwatch(self) -> None:
        is_running = self._board.active is not None
        if isinstance(await self.send(Unwatch()), Accepted):
            said = "no longer watching" + ("; the run goes on" if is_running else "")
            self._screen.notify(said, markup=False)

    async def _cancel(self, title: str, lost: str, words: str, *commands: Command) -> None:
        if await self.answer(title, lost, ("Keep running", words)) == 1:
            for command in commands:
                await self.send(command)

    async def _quit(self, run_id: RunId) -> None:
        done, total = self._board.done
        lost = (
            f"Run {fmt.short_run(run_id)} is active, {done} of {total} stages done."
            " Detached, it continues; `pivot ui` attaches again."
        )
        answer = await self.answer("Quit?", lost, ("Stay", "Detach", "Stop run & quit"))
        if answer == 2:
            stopped = isinstance(await self.send(CancelRun(run_id)), Accepted)
            application(self._screen).exit(stopped)
        elif answer == 1:
            application(self._screen).exit()

    async def answer(self, title: str, lost: str, choices: tuple[str, ...]) -> int:
        """Asks before something is lost; answers with the index of the choice, 0 for the safe one."""
        return await application(self._screen).push_screen_wait(Dialog(title, lost, choices))

    async def send(self, command: Command) -> Reply | None:
        """Hands a command to the engine, and says what was refused."""
        self.diary.asked(command, self._clock())
        try:
            reply = await self._feed.send(command)
        except PivotError as error:
            self.complain(error.what, error.where, error.hint)
            return None
        except OSError as error:
            self.complain(f"engine lost: {error}")
            return None
        if isinstance(reply, Refused):
            self.complain(reply.problem.what, reply.problem.where, reply.problem.hint)
        return reply

    def complain(self, *parts: str) -> None:
        """Says what went wrong."""
        words = "\n".join(one_line(part) for part in parts if part)
        self._screen.notify(words, severity="error", markup=False)
