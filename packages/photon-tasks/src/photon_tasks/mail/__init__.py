"""Mails: written by functions and templates, sent by jobs.

====================  =========================================================================
``message``           `MailMessage`: a mail as applications write it
``mailer``            `mailer`: functions that write mails from templates
``addresses``         `Address`; what is accepted as an address
``sending``             `send_mail`: the task that delivers mails
``outgoing``          `OutgoingMail`: a mail that is ready to be sent; `Attachment`
``part``              `MailPart`: the mails of an application
``testing``           `deliveries`: the mails that a test has sent
``_mails``            the mails of the running application
``_fields``           header fields: checked, and written
``_smtp``             sending: connections, time limits, what is tried again
``_smtp_transaction``, ``_smtp_client``  one mail on a connection; the connection
``_kept_mails``       mails that are kept instead: in memory, or in a folder
``_inbox_pages``      the pages of development that show them; ``_inbox_access``
``_mail_settings``    the section ``[mail]``
====================  =========================================================================
"""

from ._mail_settings import MailSettings as MailSettings
from ._report import DeliveryReport as DeliveryReport
from .addresses import Address as Address
from .mailer import Mailer as Mailer
from .mailer import mailer as mailer
from .message import MailMessage as MailMessage
from .outgoing import Attachment as Attachment
from .outgoing import OutgoingMail as OutgoingMail
from .part import MailPart as MailPart
