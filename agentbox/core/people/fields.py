"""What names and addresses are made of, judged before anything is looked up."""

from __future__ import annotations

from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.formats.names import canonical_email, is_username


def checked_username(text: str) -> str:
    """The name as given. Raises `ValidationFailed` for what is none."""
    if not is_username(text):
        raise ValidationFailed(
            errors=[
                FieldFault(
                    "/username",
                    "must be 1 to 64 ASCII letters, digits, dots, underscores or hyphens, "
                    "and begin with a letter or digit",
                )
            ]
        )
    return text


def checked_email(text: str | None) -> str | None:
    """The address in its canonical form. Raises `ValidationFailed` for what is none."""
    if text is None:
        return None
    canonical = canonical_email(text)
    if canonical is None:
        raise ValidationFailed(errors=[FieldFault("/email", "is not an e-mail address")])
    return canonical
