"""Keys for an app that never rests."""

from __future__ import annotations

from textual import events
from textual.keys import REPLACED_KEYS, key_to_character
from textual.pilot import Pilot

ROUNDS = 4
"""A key goes from the app to the widget with the focus, there to an action, and what that posts on."""


async def pressed(pilot: Pilot[int], *keys: str) -> None:
    """Send keys, each once the one before has been handled by everybody whom it reached.

    `Pilot.press` waits for the process to rest instead, two seconds for each key where a run is read all the time.
    """
    for key in keys:
        pilot.app.post_message(
            events.Key(key, key if len(key) == 1 else key_to_character(REPLACED_KEYS.get(key, key)))
        )
        for _ in range(ROUNDS):
            await pilot.pause(0)
