"""The forms of login, set-up, the own account, people and keys. What verbs refuse is shown at the field by `refuse`."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, InputRequired

from kayse_dash.accounts.models import Role
from kayse_dash.errors import InvalidInput

ROLES = [SelectChoice(role.value, role.label) for role in (Role.VIEWER, Role.STAFF, Role.ADMIN)]


def refuse(form: FlaskForm, error: InvalidInput) -> None:
    """Put what a verb said against the input at the fields it is about, or above the form."""
    for name, fault in error.fields.items():
        if name in form:
            form[name].errors = [*form[name].errors, fault]
        else:
            form.form_errors.append(fault)
    if not error.fields:
        form.form_errors.append(str(error))


def _email(label: str, autocomplete: str) -> EmailField:
    return EmailField(
        label,
        [InputRequired("Enter an email address.")],
        render_kw={"autocomplete": autocomplete, "spellcheck": "false", "maxlength": 254},
    )


def _name(label: str, autocomplete: str) -> StringField:
    return StringField(label, render_kw={"autocomplete": autocomplete, "maxlength": 120})


def _new_password(label: str) -> PasswordField:
    return PasswordField(
        label,
        [InputRequired("Enter a password.")],
        render_kw={"autocomplete": "new-password", "minlength": 10, "maxlength": 200},
    )


def _again() -> PasswordField:
    return PasswordField(
        "The same password again", [EqualTo("password", "The two passwords differ.")], render_kw={"autocomplete": "new-password"}
    )


class LoginForm(FlaskForm):
    email = _email("Email", "username")
    password = PasswordField("Password", [InputRequired("Enter your password.")], render_kw={"autocomplete": "current-password"})


class SetupForm(FlaskForm):
    code = StringField(
        "One-time code",
        [InputRequired("Enter the code.")],
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 20, "autocapitalize": "characters"},
    )
    name = _name("Your name", "name")
    email = _email("Your email", "username")
    password = _new_password("Password")
    again = _again()


class NameForm(FlaskForm):
    name = _name("Your name", "name")


class PasswordForm(FlaskForm):
    current = PasswordField(
        "Current password", [InputRequired("Enter your current password.")], render_kw={"autocomplete": "current-password"}
    )
    password = _new_password("New password")
    again = _again()


class UserForm(FlaskForm):
    name = _name("Name", "off")
    email = _email("Email", "off")
    role = RadioField(
        "Role",
        [InputRequired("Choose a role.")],
        choices=ROLES,
        default=Role.STAFF.value,
        invalid_choice_message="Choose a role.",
    )


class ApiKeyForm(FlaskForm):
    name = StringField(
        "Name", [InputRequired("Say which program will use the key.")], render_kw={"autocomplete": "off", "maxlength": 120}
    )
