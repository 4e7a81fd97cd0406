"""What can be changed of a run in progress: fields of its optimizer, the clipping norm, which layers are frozen.

NOTE [When a change takes effect]
A change is checked and noted when it is asked for; the training thread makes it between two steps, so the next step is
the first that runs with it, and no other. At a pause inside a batch a field of the optimizer or the norm is changed at
once: that batch's update is the next step. Freezing waits for the end of the batch, whose graph is there already. Until
a change is made the table shows what was asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tui.kernel.training.steer import tunable
from tui.kernel.training.steer.freezing import (
    Layer,
    change_name,
    layers_of,
    requires_grad,
    set_frozen,
    why_not,
)
from tui.kernel.training.steer.live import LiveRun
from tui.kernel.training.steer.schedule_shift import set_learning_rate
from tui.kernel.training.steer.tunable import TuneError
from tui.protocol.preset import nearest
from tui.protocol.training import Freeze, Tune, TuneField, TuneLayer, TuneTable

CLIP: Final = "clip_norm"

Key = tuple[str, int | None]


class Asked:
    """What was asked of one run and is not done yet; outlives the `Steering` that asked, and holds no tensor."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fields: dict[Key, list[str]] = {}
        """The texts of new values, in the order asked for."""
        self.frozen: dict[str, list[bool]] = {}
        """By the path of a layer."""


class Steering:
    """Changes one run. Every method may be called from any thread."""

    def __init__(self, live: LiveRun, asked: Asked | None = None) -> None:
        """`asked`: the same for every `Steering` of a run."""
        self.live = live
        self._scheduler = live.scheduler
        self._asked = asked if asked is not None else Asked()

    def table(self) -> TuneTable:
        """Return what can be changed, with what is asked for already changed."""
        groups = self.live.optimizer.param_groups
        fields = [
            TuneField(name, self._text(name, group), group)
            for group in range(len(groups))
            for name in tunable.fields_of(self.live.optimizer, group)
        ]
        if not self.live.clip.why_no_clip:
            fields.append(TuneField(CLIP, self._text(CLIP, None)))
        layers = [
            TuneLayer(layer.path, layer.class_name, layer.parameters, self._is_frozen(layer))
            for layer in layers_of(self.live.model)
        ]
        return TuneTable(tuple(fields), tuple(layers))

    def tune(self, request: Tune) -> TuneTable:
        """Change a field from the next step on; of a learning rate see NOTE [A schedule goes on from the new rate].

        Raises:
            TuneError: there is no such field, or it cannot have that value.
        """
        if request.name == CLIP and request.group is None:
            self._tune_clip(request.text)
        else:
            self._tune_optimizer(request)
        return self.table()

    def freeze(self, request: Freeze) -> TuneTable:
        """Freeze or thaw a layer from the next step on.

        Raises:
            TuneError: there is no such layer, or nothing would be left to train.
        """
        layers = layers_of(self.live.model)
        layer = next((each for each in layers if each.path == request.path), None)
        if layer is None:
            raise TuneError(_no_layer(request.path, [each.path for each in layers]))
        reason = why_not(layer, request.frozen, self.live.optimizer)
        if reason:
            raise TuneError(reason)
        if request.frozen and not self._something_left(layers, layer):
            raise TuneError("that would leave nothing to train: every other layer is frozen")
        with self._asked.lock:
            self._asked.frozen.setdefault(request.path, []).append(request.frozen)
        self.live.control.at_step(partial(self._make_frozen, layer, request.frozen), inside=False)
        return self.table()

    # -- asked for -----------------------------------------------------------------------------------

    def _tune_clip(self, text: str) -> None:
        reason = self.live.clip.why_no_clip
        if reason:
            raise TuneError(reason)
        norm = tunable.checked_clip(text)

        def change() -> None:
            before, self.live.clip.clip_norm = self.live.clip.clip_norm, norm
            self._note(CLIP, repr(before), repr(norm))

        self._ask([(CLIP, None)], repr(norm), change)

    def _tune_optimizer(self, request: Tune) -> None:
        name, optimizer = request.name, self.live.optimizer
        groups = self._groups_with(name, request.group)
        self._refuse_what_the_run_sets(name)
        values = [tunable.checked(optimizer, group, name, request.text) for group in groups]
        label = (
            name if request.group is None or len(optimizer.param_groups) == 1 else f"{name}[{request.group}]"
        )

        def change() -> None:
            before = [tunable.shown(optimizer.param_groups[group][name]) for group in groups]
            if name == "lr":
                set_learning_rate(optimizer, self._scheduler, groups, float(values[0]))  # type: ignore[arg-type]
            else:
                for group, value in zip(groups, values, strict=True):
                    tunable.set_field(optimizer.param_groups[group], name, value)
            self._note(label, _joined(before), tunable.shown(values[0]))

        self._ask([(name, group) for group in groups], tunable.shown(values[0]), change)

    def _groups_with(self, name: str, group: int | None) -> list[int]:
        optimizer = self.live.optimizer
        count = len(optimizer.param_groups)
        if group is not None and not 0 <= group < count:
            raise TuneError(f"there is no parameter group {group}: the optimizer has {count}, from 0")
        asked = range(count) if group is None else [group]
        groups = [each for each in asked if name in optimizer.param_groups[each] and name != "params"]
        if not groups:
            known = tunable.fields_of(optimizer, group or 0)
            kind = type(optimizer).__name__
            hint = nearest(name, [*known, CLIP]) or "."
            raise TuneError(f"{kind} has no {name!r}{hint} It has {', '.join(known)}")
        return groups

    def _refuse_what_the_run_sets(self, name: str) -> None:
        if name == "lr" and self.live.kind == "lr_range":
            raise TuneError(
                "this run tries one learning rate after the other and sets lr itself before every step; when it has"
                " ended, start a run with the rate it suggests"
            )
        if name in ("momentum", "betas") and getattr(self._scheduler, "cycle_momentum", False) is True:
            kind = type(self._scheduler).__name__
            raise TuneError(f"{kind} sets {name} itself, each time it sets the learning rate")

    def _ask(self, keys: list[Key], text: str, change: Callable[[], None]) -> None:
        with self._asked.lock:
            for key in keys:
                self._asked.fields.setdefault(key, []).append(text)

        def make() -> None:
            try:
                change()
            finally:
                with self._asked.lock:
                    for key in keys:
                        _drop_first(self._asked.fields, key)

        self.live.control.at_step(make, inside=True)

    # -- in the training thread ----------------------------------------------------------------------

    def _make_frozen(self, layer: Layer, frozen: bool) -> None:
        try:
            before = layer.frozen
            set_frozen(layer.own, frozen)
            self._note(change_name(layer.path), repr(before), repr(frozen))
        finally:
            with self._asked.lock:
                _drop_first(self._asked.frozen, layer.path)

    def _note(self, name: str, before: str, after: str) -> None:
        if before != after:
            self.live.changed(name, before, after)

    # -- what is shown -------------------------------------------------------------------------------

    def _text(self, name: str, group: int | None) -> str:
        with self._asked.lock:
            asked = self._asked.fields.get((name, group))
            if asked:
                return asked[-1]
        if group is None:
            return repr(self.live.clip.clip_norm)
        return tunable.shown(self.live.optimizer.param_groups[group][name])

    def _is_frozen(self, layer: Layer) -> bool:
        with self._asked.lock:
            asked = self._asked.frozen.get(layer.path)
            return asked[-1] if asked else layer.frozen

    def _something_left(self, layers: list[Layer], frozen: Layer) -> bool:
        """Return whether something that the optimizer has requires grad once a layer is frozen."""
        given = {id(p) for group in self.live.optimizer.param_groups for p in group["params"]}
        gone = {id(p) for p in frozen.own}
        for layer in layers:
            with self._asked.lock:
                asked = self._asked.frozen.get(layer.path)
            for p in layer.own:
                trains = (not asked[-1]) if asked else requires_grad(p)
                if trains and id(p) in given and id(p) not in gone:
                    return True
        return False


def _drop_first(pending: dict[Any, list[Any]], key: Any) -> None:
    waiting = pending.get(key)
    if waiting:
        waiting.pop(0)
    if not waiting:
        pending.pop(key, None)


def _joined(texts: list[str]) -> str:
    """Return what groups have in common, or each one's."""
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _no_layer(path: str, paths: list[str]) -> str:
    below = [known for known in paths if known.startswith(f"{path}.")]
    if below:
        return f"{path} has no parameters of its own; below it are {', '.join(below[:5])}"
    return f"the model has no layer {path!r} with parameters of its own{nearest(path, paths)}"
