from __future__ import annotations

import json
import subprocess
import sys

_FIRST = """
import json, sys, time, torch
from tui.kernel.building.warm import warm_up
state = torch.get_rng_state()
thread = warm_up()
assert warm_up() is thread
thread.join()
warmed = set(sys.modules)
from torch import nn
with torch.device("meta"):
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))(torch.empty(2, 3, 8, 8))
more = len(set(sys.modules) - warmed)
print(json.dumps(["sympy" in warmed, more, bool((torch.get_rng_state() == state).all())]))
"""


def test_a_first_look_after_it_brings_in_nothing_more_and_draws_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _FIRST], capture_output=True, text=True, check=True)
    warmed, more, same_stream = json.loads(done.stdout)
    assert warmed
    assert more == 0
    assert same_stream
