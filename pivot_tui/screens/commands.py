"""Owns what keys ask of the engine: runs and cancels, each confirmed where something would be lost."""

import uuid
from collections.abc import Callable

from textual.screen import Screen

from pivot_core.port import (
    Accepted,
    CancelRun,
    CancelStage,
    Command,
    Explanation,
    PivotError,
    Refresh,
    Refused,
    Reply,
    RequestId,
    RunId,
    StageName,
    Status,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import refusals, requests
from pivot_tui.board import Board, Link
from pivot_tui.feed import Feed
from pivot_tui.requests import Asked, Choice
from pivot_tui.screens.dialog import Dialog
from pivot_tui.screens.run_menu import RunMenu
from pivot_tui.widgets.painting import application


class Commands:
    """Asks, sends, and says what was refused."""

    def __init__(
        self, screen: Screen[None], board: Board, feed: Feed, clock: Callable[[], float]
    ) -> None:
        self._screen: Screen[None] = screen
        self._board: Board = board
        self._feed: Feed = feed
        self._clock: Callable[[], float] = clock
        self._asked: Asked = Asked(Choice.UPSTREAM)

    def refused(self, action: str, stage: StageName | None) -> bool:
        """Says why not, where the action makes no sense now."""
        why = refusals.refusal(action, self._board, stage)
        if why:
            self._screen.notify(why, markup=False)
        return bool(why)

    def run_menu(self, stage: StageName | None) -> None:
        """Opens the run menu for a stage."""
        if self.refused("run_menu", stage) or stage is None:
            return
        first = Asked(Choice.UPSTREAM, keep_going=self._asked.keep_going)
        menu = RunMenu(self._board, stage, first, self._feed.explain)

        def take(asked: Asked | None) -> None:
            if asked is not None:
                plan = menu.plans.get(asked.choice, ())
                self._screen.run_worker(self._run(stage, asked, plan))

        application(self._screen).push_screen(menu, take)

    def again(self, stage: StageName | None) -> None:
        """Repeats the last choice of the run menu; connects again when the engine is lost."""
        if self._board.link is Link.LOST:
            self._feed.reconnect()
        elif not self.refused("again", stage) and stage is not None:
            self._screen.run_worker(self._run(stage, self._asked, ()))

    def cancel_stage(self, stage: StageName | None) -> None:
        """Cancels a stage, once confirmed."""
        run = self._board.active
        if self.refused("cancel_stage", stage) or stage is None or run is None:
            return
        name = one_line(stage)
        started = self._board.state(stage).started_at
        took = f" has run {fmt.running(self._clock() - started)}" if started else " runs"
        lost = f"{name}{took}; what it wrote is discarded. Stages that need it are blocked."
        command = CancelStage(run.run_id, stage)
        self._screen.run_worker(self._cancel(f"Cancel {name}?", lost, "Cancel stage", command))

    def cancel_run(self) -> None:
        """Cancels the active run, else the last one queued, once confirmed."""
        if self.refused("cancel_run", None):
            return
        run = self._board.active or self._board.queue[-1]
        running = self._board.with_status(Status.RUNNING)
        lost = "Nothing new starts; what has ended stays."
        if running:
            lost += f" What {one_line(', '.join(running))} wrote so far is discarded."
        title = f"Cancel run {fmt.short_run(run.run_id)}?"
        self._screen.run_worker(self._cancel(title, lost, "Cancel run", CancelRun(run.run_id)))

    def look_again(self) -> None:
        """Lets the engine load the definition and look at every file again."""
        if self._board.link is Link.ATTACHED:
            self._screen.run_worker(self._send(Refresh()))

    def quit(self) -> None:
        """Leaves; asks first while a run is active."""
        run = self._board.active
        if run is None or self._board.link is not Link.ATTACHED:
            application(self._screen).exit()
            return
        self._screen.run_worker(self._quit(run.run_id))

    async def _run(self, stage: StageName, asked: Asked, plan: tuple[Explanation, ...]) -> None:
        why = requests.warning(asked, plan, self._board)
        if why and await self._answer("Force?", why, ("Leave it", "Force")) != 1:
            return
        self._asked = asked
        active = self._board.active
        request_id = RequestId(uuid.uuid4().hex)
        reply = await self._send(requests.command(asked, stage, self._board, request_id))
        if isinstance(reply, Accepted) and active is not None:
            said = f"queued behind run {fmt.short_run(active.run_id)}"
            self._screen.notify(said, markup=False)

    async def _cancel(self, title: str, lost: str, words: str, command: Command) -> None:
        if await self._answer(title, lost, ("Keep running", words)) == 1:
            await self._send(command)

    async def _quit(self, run_id: RunId) -> None:
        done, total = self._board.done
        lost = (
            f"Run {fmt.short_run(run_id)} is active, {done} of {total} stages done."
            " Detached, it continues; `pivot ui` attaches again."
        )
        answer = await self._answer("Quit?", lost, ("Stay", "Detach", "Stop run & quit"))
        if answer == 2:
            stopped = isinstance(await self._send(CancelRun(run_id)), Accepted)
            application(self._screen).exit(stopped)
        elif answer == 1:
            application(self._screen).exit()

    async def _answer(self, title: str, lost: str, choices: tuple[str, ...]) -> int:
        return await application(self._screen).push_screen_wait(Dialog(title, lost, choices))

    async def _send(self, command: Command) -> Reply | None:
        try:
            reply = await self._feed.send(command)
        except PivotError as error:
            self._complain(error.what, error.where, error.hint)
            return None
        except OSError as error:
            self._complain(f"engine lost: {error}")
            return None
        if isinstance(reply, Refused):
            self._complain(reply.problem.what, reply.problem.where, reply.problem.hint)
        return reply

    def _complain(self, *parts: str) -> None:
        words = "\n".join(one_line(part) for part in parts if part)
        self._screen.notify(words, severity="error", markup=False)
