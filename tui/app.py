"""The app: modes, themes, keys that work everywhere. What is shown is in `screens`.

Its first frame waits for nothing but Textual: no screen, no kernel, no table is imported before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar, cast

from rich.console import RenderableType
from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.markup import escape
from textual.notifications import SeverityLevel
from textual.screen import Screen

from tui.session_app import SessionApp, Wiring
from tui.shown_cells import ShownCells
from tui.terminal_keys import teach_terminal_keys
from tui.themes import THEMES
from tui.widgets.foreign import clean
from tui.widgets.keys import key
from tui.widgets.mode_tabs import MODES, ModeTabs


class TorchTUI(SessionApp):
    """Four screens over one session. Wired together in `tui.wiring`."""

    TITLE = "torchtui"
    CSS = """
    Screen { background: $background; }
    ToastRack { margin-bottom: 2; }  /* above status and keys */
    * {
        scrollbar-size: 1 1; scrollbar-color: $panel-lighten-2;
        scrollbar-background: $background; scrollbar-corner-color: $background;
    }
    Input { scrollbar-size-horizontal: 0; }
    """
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        key("ctrl+q", "leave", "Quit", "app.quit", "Quit; a run may go on without the terminal", first=True),
        key("f1,alt+1", "help", "Help", "app.help", "The keys that work here"),
        key(
            "f2,alt+2", "mode('tensors')", "Tensors", "app.tensors", "Tensors: REPL and variables", show=False
        ),
        key(
            "f3,alt+3",
            "mode('autograd')",
            "Autograd",
            "app.autograd",
            "Autograd: leaves, gradients",
            show=False,
        ),
        key(
            "f4,alt+4",
            "mode('builder')",
            "Builder",
            "app.builder",
            "Builder: modules, their shapes",
            show=False,
        ),
        key("f5,alt+5", "mode('training')", "Training", "app.training", "Training: runs, live", show=False),
    ]

    def __init__(
        self, wire: Callable[[], Wiring], *, modes: tuple[str, ...], first: str, theme: str = "torchtui-dark"
    ) -> None:
        """`wire`: called once the first frame is painted; `modes`: the screens there will be."""
        super().__init__()
        self.modes = modes
        self._wire = wire
        self._first = first
        self._shown = ShownCells()
        teach_terminal_keys()
        self.theme = theme

    def compose(self) -> ComposeResult:
        """Lay out the first frame: the bar of tabs alone, which needs nothing slow."""
        yield ModeTabs(self._first, self.modes)

    def on_mount(self) -> None:
        """Paint the first frame; everything slow comes after it."""
        self.app_resume_signal.subscribe(self, self._came_back)
        self.call_after_refresh(self._after_first_frame)

    async def _after_first_frame(self) -> None:
        self.wired = self._wire()
        for mode, maker in self.wired.screens.items():
            self.add_mode(mode, maker)
        if self.session is not None:
            self.session.listen(self._hear)
        await self.switch_mode(self._first)
        for notice in self.wired.notices():
            self.notify(notice, timeout=8)
        self.offer_sessions(self.wired.left_running)
        if self.wired.connect is not None:
            self.bring_up()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice; its text may be anybody's."""
        super().notify(clean(message), title=clean(title), severity=severity, timeout=timeout, markup=markup)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Send what changed, and no more."""
        super()._display(screen, cast("RenderableType | None", self._shown.lessened(renderable)))

    def on_app_focus(self) -> None:
        """Trust the terminal no more: something else may have written over it meanwhile."""
        self._shown.forget()

    def _came_back(self, _: App[int]) -> None:
        """Send everything after the app was suspended: the terminal was another's."""
        self._shown.forget()
        self.refresh(layout=True)

    # -- keys -------------------------------------------------------------------------------------

    @on(ModeTabs.Chosen)
    async def tab_chosen(self, event: ModeTabs.Chosen) -> None:
        """Go to the screen of a clicked tab."""
        await self.action_mode(event.mode)

    async def action_mode(self, mode: str) -> None:
        """Go to a screen."""
        if mode in self.wired.screens and not self.screen.is_modal:
            await self.switch_mode(mode)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the screens there are."""
        if action == "mode":
            return parameters[0] in self.modes
        return self.has_offer if action == "offer" else True

    def action_help(self) -> None:
        """Show the keys that work here."""
        if not self.screen.is_modal:
            from tui.widgets.help import HelpScreen

            about = getattr(self.screen, "ABOUT", "")
            self.push_screen(HelpScreen(about, list(self.screen.active_bindings.values())))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer in the palette what can be done now."""
        for mode, f_key, title in MODES:
            if mode in self.modes:
                go_there = partial(self.run_action, f"mode('{mode}')")
                yield SystemCommand(title, f"Go to the {title} screen ({f_key})", go_there)
        for theme in THEMES:
            use_theme = partial(setattr, self, "theme", theme.name)
            yield SystemCommand(f"Theme: {theme.name}", "Change the colours", use_theme)
        if self.session is not None:
            yield SystemCommand("Restart the kernel", "All variables are lost", self.action_restart_kernel)
            yield SystemCommand("Interrupt the running cell", "As ctrl+c in the REPL", self.session.interrupt)
        for info in self.wired.others():
            attach = partial(self.go_to_session, info)
            yield SystemCommand(
                f"Attach to session {info.id}", escape(clean(f"{info.title}, in {info.cwd}")), attach
            )
        yield SystemCommand("Keys", "The keys that work here (F1)", self.action_help)
        yield SystemCommand("Quit", "Leave; a run may go on without the terminal (ctrl+q)", self.action_leave)
