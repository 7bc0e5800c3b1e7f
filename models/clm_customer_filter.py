from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools.safe_eval import safe_eval


class ResPartner(models.Model):
    """Filters on customers that people build: of rules, playbooks, waves and the settings."""

    _inherit = "res.partner"

    @api.model
    def _lifecycle_filter(self, text, owner):
        """Read a filter, and try whether the database understands it.

        :param str text: a domain; empty: everybody
        :param str owner: what the filter belongs to, for the message
        :return: ``Domain``
        :raise ValidationError: saying what is wrong with it
        """
        try:
            domain = Domain(safe_eval(text or "[]"))
            self.sudo()._search(domain, limit=1)  # sudo: only the syntax is tried
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:  # anything can be typed there, and fields of other addons search as they like
            raise ValidationError(self.env._(
                "%(owner)s: the filter on customers cannot be read (%(error)s). Build it anew.",
                owner=owner, error=error,
            )) from error
        return domain
