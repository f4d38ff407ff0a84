"""What the slots of ours on one target hold now, what is planned there, and why they do not show what the statuses ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from mappings.change import Note
from sync.cli.documents import change_document, note_document
from sync.cli.layout import wrapped
from sync.cli.style import NOTES, SIGNS, change_words, distinct_reasons, held_value, shown_value
from sync.documents import Document
from sync.names import place
from sync.showing import SlotState


def slot_lines(states: Sequence[SlotState], width: int) -> Iterator[Text]:
    """One paragraph: each slot with its value, then what is to be said of it."""
    if not states:
        return
    yield Text()
    yield Text(f"On {states[0].slot.target.source} now", style="bold")
    for state in states:
        yield from wrapped(f"{place(state.slot)}: {held_value(state.slot, state.value)}", width, indent=2, hanging=4)
        if state.change is not None:
            yield from _change(state, width)
        for note in state.notes:
            yield from wrapped(_note(note), width, indent=4, hanging=6)
        for why in state.outranked:
            yield from wrapped(Text(f"· {why}", style="dim"), width, indent=4, hanging=6)


def finding_lines(findings: Sequence[Note], width: int) -> Iterator[Text]:
    """What the plan says of it that concerns no slot."""
    for one in findings:
        yield Text()
        yield from wrapped(Text(f"! {one.text}", style=NOTES[one.kind]), width, hanging=2)


def _change(state: SlotState, width: int) -> Iterator[Text]:
    change = state.change
    if change is None:
        return
    sign, color = SIGNS[change.action]
    said = Text(f"{sign} planned: {change_words(change.action, change.slot, change.before, change.after)}", style=color)
    yield from wrapped(said.append("  (milepost apply writes it)", style="dim"), width, indent=4, hanging=6)
    for reason in distinct_reasons([change.reason]):
        yield from wrapped(Text(reason, style="dim"), width, indent=6)


def _note(note: Note) -> Text:
    text = Text.assemble((f"! {note.kind}", NOTES[note.kind]), f"  {note.text}")
    if note.kind in ("override", "contested") and note.desired != note.actual:
        text.append(f"; {_asked_for(note)}: milepost release {note.key} lets them")
    return text


def _asked_for(note: Note) -> str:
    if note.slot is not None and note.slot.kind == "label":
        return "the statuses do not ask for it" if note.desired is None else "the statuses ask for it"
    return f"the statuses ask for {shown_value(note.desired)}"


def slot_document(state: SlotState) -> Document:
    """The same as a plain document."""
    return {
        "target": str(state.slot.target),
        "slot": place(state.slot),
        "value": state.value,
        "change": change_document(state.change) if state.change is not None else None,
        "notes": [note_document(note) for note in state.notes],
        "outranked": state.outranked,
    }
