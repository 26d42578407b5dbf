"""``photon generate mailer``: a function that writes a mail, its templates and its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import (
    Arguments,
    Edit,
    InsertCall,
    InsertCode,
    RenderFile,
    SetToml,
)
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._background_code import BackgroundCode, background_application, background_name
from ._call_parameters import (
    CallParameter,
    call_arguments,
    example_imports_of,
    imports_of,
    signature,
)
from ._resource import PACKAGE

# Names that templates give another meaning.
_USED_IN_TEMPLATES: Final = ("to", "true", "false", "none", "loop", "super", "caller")
_PARTS: Final = ("subject.txt", "txt", "html")


class MailerGenerator:
    """A mail with its templates: `photon generate mailer welcome user_name:string`."""

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the function, its templates, what they need, and the test.

        Raises:
            GeneratorError: The name or a parameter cannot be used.
        """
        application = background_application(project)
        name = background_name(arguments.name, suffix="mail")
        parameters = CallParameter.parse_all(
            arguments.words, function=name.module, used=_USED_IN_TEMPLATES
        )
        code = BackgroundCode(
            application=application,
            name=name,
            templates="mailer",
            folder="mailers",
            context={
                "parameters": parameters,
                "signature": signature(parameters),
                "arguments": call_arguments(parameters),
            },
            imports=imports_of(parameters)
            | {"from photon import MailMessage", "from photon import mailer"},
            test_imports=example_imports_of(parameters)
            | {"from photon import Photon", "from photon.testing import deliveries"},
        )
        folder = f"{application.templates}/mails"
        context = {"name": name, "parameters": parameters}
        return [
            *_templates_part(application),
            *_sender(project),
            *(
                RenderFile(
                    f"{folder}/{name.module}.{part}",
                    f"mailer/mail.{part}.jinja",
                    context,
                    package=PACKAGE,
                )
                for part in _PARTS
            ),
            *code.edits(),
        ]

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return what follows: the test, how to send the mail, and the settings of production."""
        name = background_name(arguments.name, suffix="mail").module
        return [
            "next: photon test",
            f"a handler or a job sends the mail: {name}(...).deliver_later(); then development has "
            "it at /photon/mails",
            "production needs `host` and `sender` under [mail]",
        ]


def _templates_part(application: ApplicationLayout) -> list[Edit]:
    """Return what gives the application templates, unless it has them in another way."""
    text = application.text_of(application.path)
    if "TemplatesPart(" in text and "add(TemplatesPart())" not in text:
        return []
    line = "from photon_templates import TemplatesPart"
    return [
        InsertCode(application.path, line, place="imports"),
        InsertCall(
            application.path, "add(TemplatesPart())", on="Photon", variable=application.variable
        ),
    ]


def _sender(project: Project) -> list[Edit]:
    """Return the setting of the sender, unless it is another one: a mail cannot be without."""
    words = re.findall(r"[A-Za-z0-9]+", project.own_settings.name or "") or ["shop"]
    address = f"hello@{'-'.join(words).lower()}.example"
    sender = f"{' '.join(words)} <{address}>"
    settings = {entry.path: entry.value for entry in project.settings.entries({})}
    is_other = settings.get(("mail", "sender")) not in (None, "", sender)
    return [] if is_other else [SetToml("photon.toml", ("mail", "sender"), sender)]
