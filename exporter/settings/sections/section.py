"""What every group of settings is made of: the model they derive from, and the fields that several of them have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, model_validator

from exporter.settings.sections.values import Parser, parse_path, parse_text, pattern


@dataclass(frozen=True, slots=True)
class Hidden:
    """Parses like `parser` and hides the value from every repr."""

    parser: Parser

    @property
    def expected(self) -> str:
        """What may be written."""
        return self.parser.expected

    def __call__(self, value: object) -> SecretStr:
        """Parse and hide `value`."""
        return value if isinstance(value, SecretStr) else SecretStr(str(self.parser(value)))


Alias = Annotated[
    str,
    BeforeValidator(pattern("an account alias: 1 to 64 letters, digits, _ . or -", r"[a-zA-Z0-9_.-]{1,64}")),
]
Text = Annotated[str, BeforeValidator(Parser("a text of one line", parse_text))]
FilePath = Annotated[Path, BeforeValidator(Parser("a path", parse_path))]


class Section(BaseModel):
    """A group of settings that stand together; an empty key is the same as none."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def drop_unset(cls, data: object) -> object:
        """Read YAML's null as "not set", for a setting and for a whole section."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
