"""Edits of designs: what each does, what none can do, undo and redo."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.protocol.building import (
    Argument,
    Block,
    Design,
    Fix,
)
from tui.widgets.builder import edit as edits
from tui.widgets.builder.blocks import CONTAINERS, EditRefused, find, ids_of, siblings_of, walk
from tui.widgets.builder.draft import Draft
from tui.widgets.builder.edit import DEEPEST


def layer(number: int, name: str = "") -> Block:
    return Block(number, "layer", name=name, layer="nn.ReLU")


def group(number: int, *children: Block, kind: str = "sequence") -> Block:
    return Block(number, kind, children=children)  # type: ignore[arg-type]


#     1 · 2 (3 · 4 (5) · 6) · 7 ()
DESIGN = Design(body=(layer(1), group(2, layer(3), group(4, layer(5)), layer(6)), group(7)))


def outline(design: Design) -> str:
    """The ids, those in a block in brackets."""

    def of(blocks: tuple[Block, ...]) -> str:
        return " ".join(
            f"{one.id}" + (f"({of(one.children)})" if one.kind in CONTAINERS else "") for one in blocks
        )

    return of(design.body)


def test_blocks_are_added_where_it_is_said() -> None:
    ids = count(10)
    assert outline(edits.add(DESIGN, 1, "after", [layer(0)], ids).design) == "1 10 2(3 4(5) 6) 7()"
    assert outline(edits.add(DESIGN, 5, "before", [layer(0)], ids).design) == "1 2(3 4(11 5) 6) 7()"
    assert outline(edits.add(DESIGN, 7, "into", [layer(0), layer(0)], ids).design) == "1 2(3 4(5) 6) 7(12 13)"
    added = edits.add(DESIGN, 0, "after", [group(99, layer(98))], ids)
    assert (outline(added.design), added.cursor) == ("1 2(3 4(5) 6) 7() 14(15)", 14)
    with pytest.raises(EditRefused, match="w wraps"):
        edits.add(DESIGN, 1, "into", [layer(0)], ids)
    with pytest.raises(EditRefused, match="no longer"):
        edits.add(DESIGN, 77, "after", [layer(0)], ids)
    with pytest.raises(EditRefused):
        edits.add(DESIGN, 1, "after", [], ids)


@pytest.mark.parametrize(
    ("block", "step", "then"),
    [
        (2, "up", "2(3 4(5) 6) 1 7()"),
        (1, "down", "2(3 4(5) 6) 1 7()"),
        (1, "in", "2(1 3 4(5) 6) 7()"),
        (7, "in", "1 2(3 4(5) 6 7())"),
        (6, "in", "1 2(3 4(5 6)) 7()"),
        (5, "out", "1 2(3 4() 5 6) 7()"),
        (5, "up", "1 2(3 5 4() 6) 7()"),
        (6, "down", "1 2(3 4(5)) 6 7()"),
    ],
)
def test_blocks_move(block: int, step: edits.Step, then: str) -> None:
    moved = edits.move(DESIGN, block, step)
    assert (outline(moved.design), moved.cursor) == (then, block)


@pytest.mark.parametrize(("block", "step"), [(1, "up"), (7, "down"), (1, "out"), (5, "in")])
def test_what_has_nowhere_to_go_is_told_so(block: int, step: edits.Step) -> None:
    with pytest.raises(EditRefused):
        edits.move(DESIGN, block, step)


@pytest.mark.parametrize("where", ["after", "before", "into"])
def test_a_block_cannot_be_put_into_itself(where: edits.Where) -> None:
    for inside in (2, 4, 5):
        with pytest.raises(EditRefused, match="into itself"):
            edits.put(DESIGN, 2, where, inside)
    assert outline(edits.put(DESIGN, 2, "into", 7).design) == "1 7(2(3 4(5) 6))"


def test_the_cursor_goes_to_what_is_next_to_what_was_deleted() -> None:
    for blocks, then, cursor in (
        ([3], "1 2(4(5) 6) 7()", 4),
        ([6], "1 2(3 4(5)) 7()", 4),
        ([5], "1 2(3 4() 6) 7()", 4),
    ):
        removed = edits.remove(DESIGN, blocks)
        assert (outline(removed.design), removed.cursor) == (then, cursor)
    assert edits.remove(Design(body=(layer(1),)), [1]) == edits.Edit(Design(body=()), 0)
    assert outline(edits.remove(DESIGN, [3, 4]).design) == "1 2(6) 7()"
    with pytest.raises(EditRefused, match="side by side"):
        edits.remove(DESIGN, [3, 6])
    with pytest.raises(EditRefused):
        edits.remove(DESIGN, [])


def test_copies_have_ids_of_their_own_and_no_names() -> None:
    named = edits.change(DESIGN, replace(layer(5), name="head", output="skip")).design
    copied = edits.duplicate(named, [2], count(20))
    assert outline(copied.design) == "1 2(3 4(5) 6) 20(21 22(23) 24) 7()"
    copy, original = find(copied.design, 23), find(copied.design, 5)
    assert copy is not None
    assert original is not None
    assert (copy.name, copy.output, original.name, original.output) == ("", "", "head", "skip")
    assert outline(edits.duplicate(DESIGN, [3, 4], count(20)).design) == "1 2(3 4(5) 20 21(22) 6) 7()"


def test_unwrapping_undoes_wrapping() -> None:
    wrapped = edits.wrap(DESIGN, [3, 4], "residual", count(20))
    assert outline(wrapped.design) == "1 2(20(3 4(5)) 6) 7()"
    assert edits.unwrap(wrapped.design, 20).design == DESIGN
    assert edits.unwrap(wrapped.design, 3).design == DESIGN  # of what holds none, the one around it goes
    repeat = find(edits.wrap(DESIGN, [1], "repeat", count(20)).design, 20)
    assert repeat is not None
    assert repeat.times == 2
    with pytest.raises(EditRefused):
        edits.unwrap(DESIGN, 1)


def test_nothing_is_nested_beyond_all_measure() -> None:
    design = Design(body=(layer(1),))
    ids = count(2)
    for _ in range(DEEPEST - 1):
        design = edits.wrap(design, [design.body[0].id], "sequence", ids).design
    with pytest.raises(EditRefused, match="deep"):
        edits.wrap(design, [design.body[0].id], "sequence", ids)
    assert max(depth for _, depth in walk(design.body)) == DEEPEST - 1


def test_a_fix_keeps_the_ids_that_it_keeps_and_numbers_what_is_new() -> None:
    mended = replace(layer(4), arguments=(Argument("inplace", "True"),))
    fix = Fix("insert Flatten", (layer(0), mended, group(-1, layer(4), layer(3))))
    applied = edits.apply_fix(DESIGN, 4, fix, count(30))
    assert outline(applied.design) == "1 2(3 30 4 31(32 33) 6) 7()"
    assert applied.cursor == 4
    assert find(applied.design, 4) == mended


def test_arguments_keep_the_order_of_the_signature() -> None:
    order = ("in_features", "out_features", "bias")
    block = edits.with_argument(layer(1), "bias", "False", order)
    block = edits.with_argument(block, "out_features", "10", order)
    assert block.arguments == (Argument("out_features", "10"), Argument("bias", "False"))
    assert edits.with_argument(block, "bias", "", order).arguments == (Argument("out_features", "10"),)


# -- any edits at all -------------------------------------------------------------------------------

STEPS = st.sampled_from(
    ["add", "into", "remove", "duplicate", "wrap", "unwrap", "up", "down", "in", "out", "put"]
)
EDITS = st.lists(st.tuples(STEPS, st.integers(0, 10_000), st.integers(0, 10_000)), max_size=30)


def perform(draft: Draft, step: str, one: int, other: int) -> None:
    """Do something to a block of the draft, if it can be done."""
    ids = ids_of(draft.design.body)
    block = ids[one % len(ids)] if ids else 0
    target = ids[other % len(ids)] if ids else 0
    design = draft.design
    match step:
        case "add":
            edit = edits.add(design, block, "after", [layer(0)], draft.ids)
        case "into":
            edit = edits.add(design, block, "into", [group(0, layer(0))], draft.ids)
        case "remove":
            edit = edits.remove(design, [block] if block else [])
        case "duplicate":
            edit = edits.duplicate(design, [block] if block else [], draft.ids)
        case "wrap":
            edit = edits.wrap(design, [block] if block else [], "repeat", draft.ids)
        case "unwrap":
            edit = edits.unwrap(design, block)
        case "put":
            edit = edits.put(design, block, "into", target)
        case _:
            edit = edits.move(design, block, step)  # type: ignore[arg-type]
    draft.take(edit, step)


@settings(max_examples=150, deadline=None)
@given(EDITS)
def test_whatever_is_done_ids_stay_unique_and_all_of_it_can_be_undone(
    steps: list[tuple[str, int, int]],
) -> None:
    draft = Draft(DESIGN)
    states, given_out = [draft.design], set(ids_of(DESIGN.body))
    for step, one, other in steps:
        before = draft.design
        try:
            perform(draft, step, one, other)
        except EditRefused:
            assert draft.design is before
            continue
        ids = ids_of(draft.design.body)
        assert len(set(ids)) == len(ids)
        new = set(ids) - set(ids_of(before.body))
        assert not new & given_out  # an id is never given to another block
        given_out |= new
        assert draft.cursor in (ids or [0])
        if step in ("up", "down", "in", "out", "put"):
            assert sorted(ids) == sorted(ids_of(before.body))
        if draft.design != before:
            states.append(draft.design)
    for design in reversed(states[:-1]):
        assert draft.undo()
        assert draft.design == design
    assert draft.undo() == ""
    for design in states[1:]:
        assert draft.redo()
        assert draft.design == design
    assert draft.redo() == ""


def test_states_share_what_did_not_change() -> None:
    draft = Draft(DESIGN)
    draft.take(edits.add(DESIGN, 1, "after", [layer(0)], draft.ids), "add")
    assert draft.design.body[2] is DESIGN.body[1]
    draft.take(edits.move(draft.design, 5, "out"), "move")
    assert draft.design.body[0] is DESIGN.body[0]


def test_an_edit_after_an_undo_ends_what_could_be_done_again() -> None:
    draft = Draft(Design(body=(layer(1),)))
    draft.take(edits.add(draft.design, 1, "after", [layer(0)], draft.ids), "first")
    assert draft.undo() == "first"
    draft.take(edits.add(draft.design, 1, "before", [layer(0)], draft.ids), "second")
    assert draft.redo() == ""
    assert ids_of(draft.design.body) == [3, 1]  # 2 was the id of a block that was undone


def test_an_edit_that_changes_nothing_is_none() -> None:
    draft = Draft(DESIGN)
    assert not draft.take(edits.change(DESIGN, DESIGN.body[0]), "change")
    assert draft.undo() == ""


def test_another_design_can_be_undone_and_never_gives_an_id_of_the_first_again() -> None:
    draft = Draft(DESIGN)
    draft.begin(Design("Other", body=(layer(1), layer(40))), "open other")
    assert (draft.cursor, draft.design.name) == (1, "Other")
    assert next(draft.ids) > 40
    assert draft.undo() == "open other"
    assert draft.design == DESIGN


def test_the_neighbours_of_a_block_are_those_of_the_block_it_is_in() -> None:
    assert [one.id for one in siblings_of(DESIGN, 4)] == [3, 4, 6]
    assert [one.id for one in siblings_of(DESIGN, 2)] == [1, 2, 7]
