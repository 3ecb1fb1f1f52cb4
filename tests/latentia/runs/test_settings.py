"""Plain values become typed records, and what does not fit is one sentence that names it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentia.errors import SettingError
from latentia.runs.settings import Choice, plain, plain_choice, read


@dataclass(frozen=True, kw_only=True)
class Circle:
    radius: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Square:
    side: float
    turns: tuple[int, ...] = ()


SHAPES = Choice(
    key="kind",
    kinds={"circle": Circle, "square": Square},
    other_names={"unitsquare": "a unit square is a square of side 1"},
)

MOSTLY_CIRCLES = replace(SHAPES, default="circle")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    shape: Circle | Square = field(metadata={"choice": SHAPES})
    colour: Literal["red", "blue"] = "red"
    frame: Square | None = None
    filled: bool = False
    copies: int = 1
    title: str = ""
    file: Path | None = None

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise SettingError(f"copies must be 1 or more; it is {self.copies}.")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SQUARES = st.builds(Square, side=NUMBERS, turns=st.lists(st.integers()).map(tuple))
DRAWINGS = st.builds(
    Drawing,
    shape=st.builds(Circle, radius=NUMBERS) | SQUARES,
    colour=st.sampled_from(["red", "blue"]),
    frame=st.none() | SQUARES,
    filled=st.booleans(),
    copies=st.integers(min_value=1),
    title=st.text(),
    file=st.sampled_from([None, Path("/a/b.png")]),
)


@given(drawing=DRAWINGS)
def test_what_was_made_plain_is_read_as_it_was(drawing: Drawing) -> None:
    assert read(Drawing, plain(drawing)) == drawing


def test_what_is_not_said_has_its_default() -> None:
    assert read(Drawing, {"shape": {"kind": "circle"}}) == Drawing(shape=Circle())


def test_a_number_in_scientific_notation_is_a_number_although_yaml_calls_it_a_text() -> None:
    assert read(Circle, {"radius": "2e-3"}).radius == 2e-3


def test_a_relative_path_is_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(Drawing, {"shape": {"kind": "circle"}, "file": "a.png"}).file == tmp_path / "a.png"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colours": "red"}, "A configuration has no setting 'colours'; did you mean colour?"),
        ({"xyz": 1}, "A configuration has no setting 'xyz'; it has shape, colour, frame, filled, copies, title, file."),
        ({"shape": None}, "shape must hold settings, each with its name, not empty."),
        ({"shape": {"radius": 2}}, "shape must have a setting 'kind': circle or square."),
        ({"shape": {"kind": "cirle"}}, "shape.kind must be circle or square, not 'cirle'; did you mean circle?"),
        ({"shape": {"kind": ["circle"]}}, "shape.kind must be circle or square, not ['circle']; did you mean circle?"),
        (
            {"shape": {"kind": "Unit-Square"}},
            "shape.kind must be circle or square, not 'Unit-Square'; a unit square is a square of side 1.",
        ),
        ({"shape": {"kind": "circle", "side": 2}}, "shape has no setting 'side'; it has kind, radius."),
        ({"shape": {"kind": "circle", "radios": 2}}, "shape has no setting 'radios'; did you mean radius?"),
        ({"shape": {"kind": "square"}}, "shape must have a setting 'side'."),
        ({"shape": {"kind": "circle", "radius": "wide"}}, "shape.radius must be a number, not 'wide'."),
        ({"shape": {"kind": "circle", "radius": True}}, "shape.radius must be a number, not true."),
        ({"shape": {"kind": "circle", "radius": math.nan}}, "shape.radius must be a number, not nan."),
        ({"frame": {"side": 1, "turns": 3}}, "frame.turns must be a list, as in [1, 2], not 3."),
        ({"frame": {"side": 1, "turns": [1, 2.5]}}, "frame.turns[1] must be a whole number, not 2.5."),
        ({"frame": 3}, "frame must hold settings, each with its name, not 3."),
        ({"colour": "green"}, "colour must be red or blue, not 'green'."),
        ({"filled": "yes"}, "filled must be true or false, not 'yes'."),
        ({"copies": True}, "copies must be a whole number, not true."),
        ({"copies": 0}, "copies must be 1 or more; it is 0."),
        ({"title": 3}, "title must be a text, not 3."),
        ({"file": 3}, "file must be a path, not 3."),
    ],
)
def test_what_does_not_fit_is_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as error:
        read(Drawing, {"shape": {"kind": "circle"}, **changes})
    assert str(error.value) == said


def test_a_section_without_a_name_is_of_the_default_kind_where_there_is_one() -> None:
    assert read(MOSTLY_CIRCLES, {}) == Circle()
    assert read(MOSTLY_CIRCLES, {"radius": 2}) == Circle(radius=2)
    assert read(MOSTLY_CIRCLES, {"kind": "square", "side": 3}) == Square(side=3)


@pytest.mark.parametrize("shape", [Circle(radius=2), Square(side=3)])
def test_the_default_kind_too_is_written_with_its_name(shape: Circle | Square) -> None:
    values = plain_choice(MOSTLY_CIRCLES, shape)
    assert values["kind"] in SHAPES.kinds and read(MOSTLY_CIRCLES, values) == read(SHAPES, values) == shape


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"side": 3}, "shape has no setting 'side'; it has kind, radius."),
        ({"kind": None}, "shape.kind must be circle or square, not empty."),
        ({"kind": "cube"}, "shape.kind must be circle or square, not 'cube'."),
        (None, "shape must hold settings, each with its name, not empty."),
    ],
)
def test_a_default_kind_excuses_nothing_else(values: Any, said: str) -> None:
    with pytest.raises(SettingError) as error:
        read(MOSTLY_CIRCLES, values, "shape")
    assert str(error.value) == said
