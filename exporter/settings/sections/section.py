"""What every group of settings is made of: the model they derive from, and the fields that several of them have."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, model_validator

from exporter.settings.sections.values import accepted, pattern

_MOST = 256
Alias = Annotated[str, pattern("an account alias: 1 to 64 letters, digits, _ . or -", r"[a-zA-Z0-9_.-]{1,64}")]
Text = Annotated[
    str,
    accepted(
        f"a text of one line with at most {_MOST} characters", lambda text: len(text) <= _MOST and text.isprintable()
    ),
]
FilePath = Annotated[Path, accepted("a path", lambda text: text and text.isprintable())]


class Section(BaseModel):
    """A group of settings that stand together; an empty key is the same as none."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def drop_unset(cls, data: object) -> object:
        """Read YAML's null as "not set", for a setting and for a whole section."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
