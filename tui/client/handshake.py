"""The first words with a kernel: whether it answers, whether it can carry us, whether it speaks our version."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui.client import launch
from tui.protocol.messages import VERSION, KernelStatus

if TYPE_CHECKING:
    from tui.client.connection import Channel, Connection, Message
    from tui.client.lanes import Lanes

READY_TIMEOUT_S = 60.0
ASK_AGAIN_S = 3.0
BOOT_PATH = str(launch.BOOT)


async def first_answer(connection: Connection, *, fresh: bool) -> Message:
    """Ask the kernel what it is until it answers.

    One that is up is asked on the control channel, which is answered also while a cell runs. One that we have just
    started, `fresh`, is asked on the shell channel: ipykernel begins to read it last, and a message that comes on the
    control channel before ipykernel listens there can leave that channel deaf.

    Raises:
        TimeoutError: it does not.
        tui.client.errors.KernelDied: it ended.
    """
    channel: Channel = "shell" if fresh else "control"
    async with asyncio.timeout(READY_TIMEOUT_S):
        while True:
            with contextlib.suppress(TimeoutError):
                return await connection.request(
                    "kernel_info_request", {}, channel=channel, timeout_s=ASK_AGAIN_S
                )


def check_subshells(about: Mapping[str, object]) -> None:
    """Check that a kernel can be asked past a running cell, from its first answer.

    Raises:
        tui.client.launch.LaunchError: it cannot.
    """
    features = about.get("supported_features", ())
    if not (isinstance(features, list | tuple) and "kernel subshells" in features):
        raise launch.LaunchError(
            f"that kernel ({about.get('implementation')} {about.get('implementation_version')}) has no "
            "subshells: torchtui needs ipykernel 7 or later there"
        )


async def adopt(lanes: Lanes) -> None:
    """Load our side into a foreign kernel, past the cell that it may be running.

    Raises:
        tui.client.launch.LaunchError: it cannot run there.
    """
    from tui.client.cells import adoption_code

    code = adoption_code(BOOT_PATH)
    content = {"code": code, "silent": True, "store_history": False, "allow_stdin": False}
    reply = await lanes.jupyter("execute_request", content, timeout_s=READY_TIMEOUT_S)
    if reply.get("status") != "ok":
        raise launch.LaunchError(
            f"torchtui cannot run in that kernel: {reply.get('ename')}: {reply.get('evalue')}"
        )


def check_version(status: KernelStatus) -> None:
    """Check that the kernel's side is of our version.

    Raises:
        tui.client.launch.LaunchError: it is not.
    """
    if status.protocol != VERSION:
        raise launch.LaunchError(
            f"the kernel speaks version {status.protocol} of torchtui's protocol and this is version {VERSION}; "
            "attach with the torchtui that started it"
        )
